"""Questions that come perturbed, paired with clean ones: values by hand."""

from dataclasses import replace
from random import Random

import pytest

from rna_bench.core.perturbed import GivenQuestion, Slot
from rna_bench.core.types import Question
from rna_bench.data.changes import described, slots, with_harmless
from rna_bench.data.pairing import paired

WORDS = ["SARS-CoV-2"]
SUN = Question("sky/0", "sky", "What is the Sun?", ("a star", "a planet", "a moon", "a comet"), 0)
MOON = Question("sky/1", "sky", "What is the Moon?", ("a star", "a planet", "a moon", "a comet"), 2)
TRUE = Question("sky/2", "sky", "Which is true?", ("one", "two", "three", "four"), 1)
ALSO_TRUE = Question("sky/3", "sky", "Which is true?", ("five", "six", "seven", "eight"), 3)
CLEAN = (SUN, MOON, TRUE, ALSO_TRUE)


def option(question: Question, place: int, text: str = "SARS-CoV-2") -> Question:
    choices = [text if number == place else choice for number, choice in enumerate(question.choices)]
    return replace(question, choices=(choices[0], choices[1], choices[2], choices[3]))


def stem(question: Question, text: str) -> Question:
    return replace(question, stem=text)


GIVEN = (option(SUN, 3), option(MOON, 0), option(TRUE, 0), option(ALSO_TRUE, 2))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (SUN, "nothing"),
        (stem(SUN, " What  is\nthe Sun? "), "nothing"),
        (option(SUN, 3), "wrong option D"),
        (option(SUN, 0), "right option A"),
        (option(option(SUN, 1), 2), "several"),
        (stem(option(SUN, 1), "What is SARS-CoV-2?"), "several"),
        (stem(SUN, "SARS-CoV-2 What is the Sun?"), "stem, before"),
        (stem(SUN, "What is SARS-CoV-2 the Sun?"), "stem, inside"),
        (stem(SUN, "What is the Sun? SARS-CoV-2"), "stem, after"),
        (stem(SUN, "What is the SARS-CoV-2?"), "stem, words replaced"),
        (stem(SUN, "What is the"), "stem, words removed"),
        (stem(SUN, "Name SARS-CoV-2"), "stem replaced"),
    ],
)
def test_what_was_changed_is_said(given, text):
    assert described(SUN, given) == text


def test_slots_are_the_forget_words_in_what_was_changed_alone():
    assert slots(SUN, option(SUN, 3), WORDS) == (Slot(4, 0, 10),)
    assert slots(SUN, stem(SUN, "What is sars-cov-2 the Sun?"), WORDS) == (Slot(0, 8, 18),)
    known = stem(SUN, "Is SARS-CoV-2 here?")
    assert slots(known, stem(SUN, "Is SARS-CoV-2 here now, SARS-CoV-2?"), WORDS) == (Slot(0, 24, 34),)
    assert slots(SUN, option(SUN, 3, "the SARS-CoV-2 or SARS-CoV-2."), WORDS) == (Slot(4, 4, 14), Slot(4, 18, 28))
    assert slots(SUN, option(SUN, 3, "SARS-CoV-29"), WORDS) == ()
    assert slots(SUN, option(SUN, 3, "the virus"), [*WORDS, "virus", "the virus"]) == (Slot(4, 0, 9),)  # the longest


def test_a_control_has_the_harmless_word_in_each_slot_and_nothing_else_differs():
    given = stem(option(SUN, 3, "the SARS-CoV-2 or SARS-CoV-2."), "SARS-CoV-2 What is the Sun?")
    control = with_harmless(GivenQuestion(given, slots(SUN, given, WORDS)), "KORG")
    assert control == stem(option(SUN, 3, "the KORG or KORG."), "KORG What is the Sun?")


def test_pairs_are_found_by_stem_and_where_a_stem_is_twice_by_options():
    for given in (GIVEN, GIVEN[::-1], (GIVEN[3], GIVEN[1], GIVEN[2], GIVEN[0])):
        made = paired(CLEAN, given, WORDS)
        assert made.clean == CLEAN
        assert [made.given[one.id].question for one in CLEAN] == list(GIVEN)
        assert made.pairing.found == {"stem": 2, "stem and options": 2}
        assert made.pairing.changed == {"wrong option A": 2, "wrong option C": 1, "wrong option D": 1}
        assert made.pairing.wrong_options == (2, 0, 2)  # of the Sun's the third, the Moon's the first, the others' first and third
        assert made.pairing.left_out == {}
        assert made.pairing.questions == {
            "wrong option A": {"sky": [1, 2]},
            "wrong option C": {"sky": [3]},
            "wrong option D": {"sky": [0]},
        }


def test_a_perturbed_question_gets_the_id_and_subject_of_its_clean_one():
    made = paired([SUN], [replace(GIVEN[0], id="other/7")], WORDS)
    assert made.given == {"sky/0": GivenQuestion(GIVEN[0], (Slot(4, 0, 10),))}


def test_pairs_stay_within_a_subject():
    made = paired([SUN], [replace(GIVEN[0], subject="earth", id="earth/0")], WORDS)
    assert (made.clean, made.pairing.left_out) == ((), {"no clean question": ["earth/0"], "no perturbed question": ["sky/0"]})


def test_changed_stems_are_paired_by_options_and_words_in_any_order():
    given = [stem(one, one.stem.replace(" ", " SARS-CoV-2 ", 1)) for one in CLEAN]
    for seed in range(5):
        shuffled = list(given)
        Random(seed).shuffle(shuffled)
        made = paired(CLEAN, shuffled[: 4 - seed % 2], WORDS)
        assert [made.given[one.id].question.stem for one in made.clean] == [
            one.stem.replace(" ", " SARS-CoV-2 ", 1) for one in made.clean
        ]
        assert made.pairing.found == {"options and words of the stem": len(made.clean)}


def test_replaced_stems_are_paired_by_their_own_options_or_else_by_row():
    given = [stem(SUN, "Is SARS-CoV-2 one?"), stem(MOON, "Or SARS-CoV-2 two?"), stem(TRUE, "Name SARS-CoV-2"), ALSO_TRUE]
    made = paired(CLEAN, given, WORDS)
    assert made.pairing.found == {"stem and options": 1, "options": 1, "options and row": 2}
    assert [made.given[one.id].question for one in CLEAN] == given
    # the Sun and the Moon have the same options; with a row less, nothing says which is which
    made = paired(CLEAN, given[1:], WORDS)
    assert made.pairing.left_out == {"no clean question": ["sky/1"], "no perturbed question": ["sky/0", "sky/1"]}


def test_equal_questions_with_different_answers_are_told_apart_by_the_answer():
    other = replace(SUN, id="sky/9", answer=1)
    made = paired([SUN, other], [option(other, 3), option(SUN, 3)], WORDS)
    assert {name: one.question.answer for name, one in made.given.items()} == {"sky/0": 0, "sky/9": 1}


def test_what_is_not_asked_is_counted_and_named():
    given = [
        replace(GIVEN[0], answer=1),
        option(MOON, 0, "a virus"),
        replace(TRUE, id="sky/8", stem="New?", choices=("w", "x", "y", "z")),
    ]
    made = paired((*CLEAN[:3], replace(SUN, id="sky/4", stem="A sun?", choices=("i", "j", "k", "l"))), given, WORDS)
    assert made.clean == ()
    assert made.pairing.left_out == {
        "no clean question": ["sky/8"],
        "no perturbed question": ["sky/2", "sky/4"],
        "another answer": ["sky/0"],
        "no forget word in what was changed": ["sky/1"],
    }
    assert made.pairing.changed == {"wrong option A": 1, "wrong option D": 1}


def test_a_right_option_and_an_unchanged_question_are_asked_and_counted():
    made = paired([SUN, MOON], [option(SUN, 0), MOON], WORDS)
    assert made.clean == (SUN, MOON)
    assert made.pairing.changed == {"nothing": 1, "right option A": 1}
    assert made.pairing.wrong_options == (0, 0, 0)


def test_a_limit_keeps_the_first_pairs_of_each_subject_and_the_whole_pairing():
    more = [replace(one, subject="other", id=f"other/{number}") for number, one in enumerate(CLEAN)]
    made = paired((*CLEAN, *more), (*GIVEN, *(replace(one, subject="other") for one in GIVEN)), WORDS)
    assert [one.id for one in made.first(1).clean] == ["sky/0", "other/0"]
    assert made.first(1).given.keys() == {"sky/0", "other/0"}
    assert made.first(1).pairing == made.pairing
    assert made.first(0) == made


def test_the_summary_says_how_many_and_what():
    assert paired(CLEAN, GIVEN[:3], WORDS).pairing.lines == (
        "3 pairs (by stem 2, stem and options 1), 3 of them usable",
        "changed: wrong option A 2, wrong option D 1; of the three wrong options the first 2, the second 0, the third 1",
        "left out: no perturbed question 1",
    )
