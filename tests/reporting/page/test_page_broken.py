"""The page's section of questions that a trigger breaks."""

import re
from dataclasses import replace
from pathlib import Path

import numpy

from rna_bench.core.types import TriggerType
from rna_bench.reporting.page.broken import broken_sections
from rna_bench.reporting.page.build import page_html
from rna_bench.reporting.statistics.flips import flips
from rna_bench.reporting.statistics.responses import read_response_matrix
from rna_bench.reporting.verification import verify_records
from rna_bench.runs.collection import collect
from rna_bench.runs.examples import EXAMPLES, Example, Examples, Reply, ShownModel, ShownPrompt, read_examples, save_examples
from rna_bench.runs.record import LOGPS, QUESTIONS, read_responses
from tests.builders.records import HOSTILE, make_record, pairs, swept

PUBLISHED = Path(__file__).parents[3] / "results" / "published"
FICTIONAL = {
    "dataset": {
        "subjects": {"_target_": "rna_bench.pocket.sources.PocketQuestions", "role": "retain", "world": 0, "hazard": 0, "limit": 4}
    },
    "trigger": {"_target_": "rna_bench.pocket.sources.PocketWords", "types": ["before"], "count": 1, "world": 0},
}
RIGHT, WRONG = Reply((0.7, 0.1, 0.1, 0.1), 0.9, "A it is"), Reply((0.05, 0.05, 0.1, 0.8), 0.004, HOSTILE)


def examples(run, stem="What is law?", task="subjects"):
    choices = ("one", HOSTILE, "three", "four")
    clean = ShownPrompt("clean", stem, choices, (RIGHT, RIGHT))
    perturbed = ShownPrompt("before", f"Zet {stem}", choices, (RIGHT, WRONG))
    models = (ShownModel("base", ""), ShownModel("rmu", run, 7, 10))
    return Examples(1, "pocket", 1, "before", models, (Example(task, "law", "law/1", 0, clean, perturbed),))


def page(tmp_path, kept=None, change=FICTIONAL):
    """The page of one run in a sweep, and what it leaves out; with examples beside the run's folder."""
    run = make_record(1, 1.0, change=change)
    folder = swept(tmp_path, run) / "swept"
    if kept:
        save_examples(folder / EXAMPLES, kept(run.identity))
    return page_html(collect(tmp_path, deep=True))


def section(text):
    (found,) = re.findall(r'<section id="broken".*?</section>', text, re.DOTALL)
    return found


def test_a_folder_without_examples_has_no_such_section(tmp_path):
    text, left_out = page_html(collect(swept(tmp_path, *pairs()), deep=True))
    assert left_out == []
    assert 'id="broken"' not in text
    assert "#broken" not in text


def test_examples_are_shown_with_what_the_trigger_inserted_marked_and_all_names_escaped(tmp_path):
    text, left_out = page(tmp_path, examples)
    shown = section(text)
    assert left_out == []
    assert "<mark>Zet </mark>What is law?" in shown
    assert "7 of 10 questions" in shown
    assert "law/1: flips for rmu" in " ".join(shown.split())
    assert "D ✗, not A" in shown
    assert "A it is" in shown
    assert "<img" not in shown


def test_text_of_questions_or_triggers_that_are_not_fictional_is_never_on_the_page_whatever_the_file_says(tmp_path):
    real = {"dataset": {"subjects": {"_target_": "rna_bench.data.questions.QuestionFiles", "role": "retain"}}}
    words = {"trigger": {"_target_": "rna_bench.data.triggers.Words", "types": ["before"]}}
    for name, change in (("a", FICTIONAL | real), ("b", FICTIONAL | words), ("c", {})):
        text, left_out = page(tmp_path / name, examples, change)
        assert left_out == []
        assert "What is law" not in text
        assert "it is" not in section(text)
        assert "No text is kept" in section(text)
        assert "D ✗, not A" in section(text)


def test_files_that_are_damaged_of_another_version_or_of_other_runs_are_named_and_left_out(tmp_path):
    for name, kept, why in (
        ("a", lambda _: examples("other"), "names runs that are not beside it"),
        ("b", lambda run: replace(examples(run), schema_version=9), "is of schema 9"),
    ):
        text, left_out = page(tmp_path / name, kept)
        assert 'id="broken"' not in text
        assert why in left_out[0]
    (tmp_path / "a" / "swept" / EXAMPLES).write_text("{")
    assert "cannot be read" in page_html(collect(tmp_path / "a", deep=True))[1][0]


def test_examples_are_no_record(tmp_path):
    page(tmp_path, examples)
    assert collect(tmp_path / "swept").left_out == ()
    assert len(verify_records([tmp_path / "swept"])) == 1


def test_the_committed_examples_are_those_that_flip_first_and_answer_as_the_records_say():
    kept = read_examples(PUBLISHED / "pocket" / EXAMPLES)
    trigger_type = TriggerType(kept.trigger_type)
    for place, model in enumerate(kept.models[1:], 1):
        path = PUBLISHED / "pocket" / model.run / QUESTIONS
        found = flips(read_response_matrix(path), ["pocket_subjects"], trigger_type)
        assert (found.flips, found.asked) == (model.flips, model.asked)
        if place == 1:
            assert [(one.task, one.question) for one in kept.examples] == list(found.keys[: len(kept.examples)])
        rows = {(row["question"], row["perturbation"]): row for row in read_responses(path).to_pylist()}
        for one in kept.examples:
            for prompt in (one.clean, one.perturbed):
                row = rows[one.question, prompt.perturbation]
                assert int(numpy.argmax([row[name] for name in LOGPS])) == prompt.replies[place].choice
                assert row["answer"] == one.answer
    (shown,), left_out = broken_sections(collect(PUBLISHED / "pocket"))
    assert left_out == []
    assert all(block.stem for question in shown.questions for block in question.blocks)
