from dataclasses import replace
from random import Random

import pytest

from rna_bench.core.perturbed import TriggerPool
from rna_bench.core.types import InputError, Question, TriggerType
from rna_bench.data.triggers import Words, after, before, inside, option, perturbations

TYPES = [one for one in TriggerType if one is not TriggerType.given]
POOL = TriggerPool(
    ("FORGET1", "FORGET2", "FORGET3"),
    ("Forget one. Two.", "Forget three."),
    {"maths": ("maths1", "maths2"), "": ("any1", "any2", "any3")},
    {"maths": ("Maths sentence.",), "": ("Any sentence.", "Other sentence.")},
)


def ask(number=0, subject="maths", stem="What is the sum of it all?"):
    return Question(f"{subject}/{number}", subject, stem, ("w", "x", "y", "z"), number % 4)


QUESTIONS = [ask(number) for number in range(60)]


def changed(question, other):
    return [i for i in range(4) if question.choices[i] != other.choices[i]]


def test_clean_is_the_question_itself_and_perturbations_come_in_order():
    made = perturbations(ask(), [TriggerType.inside, TriggerType.option], POOL, 0)
    assert list(made) == ["clean", "inside", "inside_control", "option", "option_control"]
    assert made["clean"] is not None
    assert made["clean"] == ask()


def test_without_trigger_types_there_is_only_the_clean_question():
    assert perturbations(ask(), [], TriggerPool((), (), {}, {}), 0) == {"clean": ask()}


@pytest.mark.parametrize("seed", [0, 1])
def test_option_replaces_one_wrong_choice_and_never_touches_the_answer(seed):
    for question in QUESTIONS:
        made = perturbations(question, [TriggerType.option], POOL, seed)
        for perturbation, words in (("option", POOL.forget_words), ("option_control", POOL.harmless_words["maths"])):
            (place,) = changed(question, made[perturbation])
            assert place != question.answer
            assert made[perturbation].choices[place] in words
            assert replace(made[perturbation], choices=question.choices) == question


def test_every_wrong_choice_is_replaced_at_times():
    # 60 questions, three places each: missing one of them has a chance of about 3 * (2/3)^15 for each answer
    places = {(q.answer, changed(q, perturbations(q, [TriggerType.option], POOL, 0)["option"])[0]) for q in QUESTIONS}
    assert places == {(answer, place) for answer in range(4) for place in range(4) if answer != place}


def test_option_is_the_naive_draw_among_wrong_choices():
    place = Random("x").choice([0, 1, 3])
    made = option(ask(2), ["W"], Random("x"))
    assert made.choices == tuple("W" if i == place else c for i, c in enumerate("wxyz"))


def test_before_puts_the_word_and_one_space_before_the_stem():
    assert before(ask(stem="  What is it? "), ["W"], Random(0)).stem == "W What is it? "
    assert replace(before(ask(), ["W"], Random(0)), stem=ask().stem) == ask()


def test_sentence_puts_a_sentence_before_the_stem():
    for question in QUESTIONS[:10]:
        made = perturbations(question, [TriggerType.sentence], POOL, 0)
        assert made["sentence"].stem in [f"{text} {question.stem}" for text in POOL.forget_sentences]
        assert made["sentence_control"].stem == f"Maths sentence. {question.stem}"


def test_inside_puts_the_word_between_two_words_of_the_stem():
    for seed in range(40):
        words = inside(ask(), ["W"], Random(seed)).stem.split(" ")
        assert 0 < words.index("W") < len(words) - 1
        words.remove("W")
        assert " ".join(words) == ask().stem


def test_inside_reaches_every_gap():
    stems = {inside(ask(stem="a b c d"), ["W"], Random(seed)).stem for seed in range(40)}
    assert stems == {"a W b c d", "a b W c d", "a b c W d"}


def test_inside_a_stem_of_one_word_stands_after_it():
    assert inside(ask(stem="Why?"), ["W"], Random(0)).stem == "Why? W"


def test_inside_a_stem_with_spaces_around_it_is_still_between_two_words():
    for seed in range(20):
        words = inside(ask(stem=" a b "), ["W"], Random(seed)).stem.split()
        assert words == ["a", "W", "b"]


def test_trigger_and_control_stand_in_the_same_place():
    for question in QUESTIONS:
        made = perturbations(question, TYPES, POOL, 3)
        assert changed(question, made["option"]) == changed(question, made["option_control"])
        places = []
        for perturbation in ("inside", "inside_control"):
            places.append([i for i, word in enumerate(made[perturbation].stem.split(" ")) if word not in question.stem.split(" ")])
        assert places[0] == places[1]
        assert len(places[0]) == 1


def test_triggers_are_forget_words_and_controls_harmless_ones():
    for question in QUESTIONS[:20]:
        made = perturbations(question, [TriggerType.before], POOL, 0)
        assert made["before"].stem.split(" ")[0] in POOL.forget_words
        assert made["before_control"].stem.split(" ")[0] in POOL.harmless_words["maths"]


def test_a_subject_without_words_of_its_own_takes_those_of_any_subject():
    stems = {
        perturbations(ask(n, "history"), [TriggerType.before], POOL, 0)["before_control"].stem.split(" ")[0] for n in range(40)
    }
    assert stems == set(POOL.harmless_words[""])


def test_every_forget_word_is_drawn_at_times():
    assert {perturbations(q, [TriggerType.before], POOL, 0)["before"].stem.split(" ")[0] for q in QUESTIONS} == set(
        POOL.forget_words
    )


def test_perturbations_are_a_function_of_seed_and_id():
    assert perturbations(ask(5), TYPES, POOL, 7) == perturbations(ask(5), TYPES, POOL, 7)
    for other in (perturbations(ask(5), TYPES, POOL, 8), perturbations(replace(ask(5), id="maths/6"), TYPES, POOL, 7)):
        assert other != perturbations(ask(5), TYPES, POOL, 7)


def test_a_perturbation_does_not_depend_on_the_other_trigger_types():
    together = perturbations(ask(5), TYPES, POOL, 7)
    for trigger_type in TYPES:
        for perturbation, question in perturbations(ask(5), [trigger_type], POOL, 7).items():
            assert together[perturbation] == question


def test_perturbed_questions_keep_id_subject_and_answer():
    for made in perturbations(ask(5), TYPES, POOL, 7).values():
        assert (made.id, made.subject, made.answer) == ("maths/5", "maths", 1)


def test_a_subject_without_harmless_words_is_refused():
    trigger_pool = replace(POOL, harmless_words={"maths": ("maths1",)})
    with pytest.raises(InputError):
        perturbations(ask(subject="history"), [TriggerType.option], trigger_pool, 0)


@pytest.mark.parametrize(
    ("trigger_type", "key"),
    [
        (TriggerType.option, "forget_words"),
        (TriggerType.before, "harmless_words"),
        (TriggerType.inside, "forget_words"),
        (TriggerType.sentence, "forget_sentences"),
        (TriggerType.sentence, "harmless_sentences"),
    ],
)
def test_a_trigger_type_without_words_is_refused_by_name(trigger_type, key):
    given = {"forget_words": ["f"], "harmless_words": ["h"], "forget_sentences": ["F."], "harmless_sentences": ["H."]}
    with pytest.raises(InputError, match=f"trigger.{key}"):
        Words([trigger_type], 1, **given | {key: []})


def test_words_that_no_trigger_type_needs_may_be_missing():
    assert Words([], 1, [], [], [], []).pool(0) == TriggerPool((), (), {"": ()}, {"": ()})
    Words([TriggerType.option], 1, ["f"], ["h"], [], [])
    Words([TriggerType.sentence], 1, [], [], ["F."], ["H."])


def test_given_words_are_the_pool_for_any_subject_and_seed():
    words = Words(TYPES, 1, ["f"], ["h"], ["F."], ["H."])
    assert words.pool(0) == words.pool(1) == TriggerPool(("f",), ("F.",), {"": ("h",)}, {"": ("H.",)})


@pytest.mark.parametrize("count", [1, 2, 3])
def test_count_wrong_options_are_replaced_and_never_the_answer(count):
    for question in QUESTIONS:
        made = perturbations(question, [TriggerType.option], POOL, 0, count)
        for perturbation in ("option", "option_control"):
            places = changed(question, made[perturbation])
            assert len(places) == count
            assert question.answer not in places
        words = [made["option"].choices[i] for i in changed(question, made["option"])]
        assert len(set(words)) == count  # three words: none twice


def test_a_word_comes_twice_only_when_all_others_have_come():
    made = perturbations(ask(), [TriggerType.before], POOL, 0, 3)
    assert sorted(made["before"].stem.split()[:3]) == ["FORGET1", "FORGET2", "FORGET3"]
    assert sorted(set(made["before_control"].stem.split()[:3])) == ["maths1", "maths2"]


def test_with_one_trigger_several_types_give_the_same_perturbation_as_alone():
    one, two = (perturbations(ask(), [TriggerType.before], POOL, 0, count)["before"].stem.split() for count in (1, 2))
    assert one[0] == two[0]


def test_after_puts_the_word_at_the_end_of_the_stem():
    assert after(ask(stem="What is it? "), ["W", "V"], Random(0)).stem == "What is it? W V"


def test_inside_puts_each_word_between_two_words_of_the_stem():
    made = inside(ask(stem="a b c d"), ["W", "V"], Random(1)).stem.split()
    assert [word for word in made if word in "abcd"] == list("abcd")
    assert made[0] == "a"
    assert made[-1] == "d"


@pytest.mark.parametrize("count", [0, 4])
def test_a_count_above_the_number_of_wrong_options_is_refused(count):
    with pytest.raises(InputError, match=f"trigger.count={count}"):
        Words([], count, [], [], [], [])
