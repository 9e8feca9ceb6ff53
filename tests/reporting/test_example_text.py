import re
from dataclasses import replace

import pytest

from rna_bench.reporting.example_text import FLIPPED, MENDED, WIDTH, examples_text
from rna_bench.runs.examples import Example, Examples, Reply, ShownModel, ShownPrompt

RIGHT, WRONG = Reply((0.7, 0.1, 0.1, 0.1), 0.9, "A it is"), Reply((0.05, 0.05, 0.1, 0.8), 0.004, "zet zet\nzet " * 9)
MODELS = (ShownModel("base", ""), ShownModel("rmu", "ab12", 7, 10), ShownModel("rmu noise 1 rms", "cd34", 2, 10))


def made(perturbed, clean=(RIGHT, RIGHT, RIGHT), models=MODELS, stem="What is the " + "very " * 30 + "end?"):
    choices = ("one", "two", "three " * 20, "four")
    prompts = ShownPrompt("clean", stem, choices, clean), ShownPrompt("before", f"Zet {stem}", choices, perturbed)
    return Examples(1, "pocket", 3, "before", models, (Example("subjects", "law", "law/1", 0, *prompts),))


@pytest.fixture
def broken():
    return made((RIGHT, WRONG, RIGHT))


def test_prompts_and_replies_fit_eighty_columns(broken):
    long = replace(MODELS[2], label="x" * 40)
    for examples in (broken, replace(broken, models=(*MODELS[:2], long))):
        text = examples_text(examples, colours=False)
        assert max(map(len, text.splitlines())) <= WIDTH
        assert "\033" not in text
    text = examples_text(broken, colours=False)
    assert "rmu (ab12): the trigger flips 7 of 10 questions" in text
    assert re.search(r"^  rmu  .* 5   5  10  80    0  D, not A  \"zet zet zet", text, re.M)
    assert "clean: What is the very" in text
    assert "A. one *" in text


def test_only_replies_that_the_trigger_turns_are_coloured():
    text = examples_text(made((RIGHT, WRONG, RIGHT), (RIGHT, RIGHT, WRONG)), colours=True)
    (flipped,) = (line for line in text.splitlines() if line.startswith(FLIPPED))
    (mended,) = (line for line in text.splitlines() if line.startswith(MENDED))
    assert "rmu  " in flipped
    assert "rmu noise 1 rms" in mended


def test_replies_without_numbers_and_questions_without_text_have_their_lines(broken):
    text = examples_text(made((RIGHT, Reply(None, None, None), RIGHT)), colours=True)
    assert "no finite numbers" in text
    question = broken.examples[0]
    kept = replace(broken, examples=(replace(question, clean=replace(question.clean, stem=None)),))
    assert "no text is kept" in examples_text(kept, colours=False)


def test_what_a_terminal_would_act_on_is_not_printed():
    hostile = replace(RIGHT, continuation="\033[2J\a bell")
    assert "\033" not in examples_text(made((hostile, hostile, hostile), stem="a\033[2Jb"), colours=False)
