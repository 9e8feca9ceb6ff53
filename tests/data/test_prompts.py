from dataclasses import replace

import pytest

from rna_bench.core.types import Question
from rna_bench.data.prompts import prompt, solved_prompt

QUESTION = Question("abstract_algebra/2", "abstract_algebra", "Find the degree of Q(sqrt(2)) over Q.", ("0", "4", "2", "6"), 2)


def test_prompt_is_that_of_lm_evaluation_harness_to_the_character():
    # lm-evaluation-harness 0.4.13, tasks/mmlu/default: description "... about abstract algebra.\n\n", then
    # doc_to_text "{{question.strip()}}\nA. {{choices[0]}}\nB. {{choices[1]}}\nC. {{choices[2]}}\nD. {{choices[3]}}\nAnswer:"
    assert prompt(QUESTION) == (
        "The following are multiple choice questions (with answers) about abstract algebra.\n\n"
        "Find the degree of Q(sqrt(2)) over Q.\nA. 0\nB. 4\nC. 2\nD. 6\nAnswer:"
    )


def test_stem_is_stripped_and_choices_are_not():
    padded = replace(QUESTION, stem=" \n a\nb \t", choices=(" w ", "x\n", "\ty", "z"))
    assert prompt(padded).partition(".\n\n")[2] == "a\nb\nA.  w \nB. x\n\nC. \ty\nD. z\nAnswer:"


def test_every_underscore_of_the_subject_becomes_a_space():
    asked = prompt(replace(QUESTION, subject="high_school_us_history"))
    assert asked.startswith("The following are multiple choice questions (with answers) about high school us history.\n\n")


def test_braces_and_percent_signs_are_left_alone():
    assert "\n\n{x} %s {{y}}\nA. {0}\n" in prompt(replace(QUESTION, stem="{x} %s {{y}}", choices=("{0}", "b", "c", "d")))


@pytest.mark.parametrize(("answer", "letter"), [(0, "A"), (1, "B"), (2, "C"), (3, "D")])
def test_solved_prompt_adds_a_space_and_the_letter(answer, letter):
    question = replace(QUESTION, answer=answer)
    assert solved_prompt(question) == f"{prompt(question)} {letter}"
