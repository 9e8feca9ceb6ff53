from pathlib import Path

import numpy
import pytest

from rna_bench.core.types import CLEAN, Response
from rna_bench.reporting.statistics.answers import panel, questions_of, read_sheet, read_sheets
from rna_bench.runs import record
from rna_bench.runs.collection import Recorded, collect
from tests.builders.records import answer, made

PUBLISHED = Path(__file__).parents[3] / "results" / "published" / "pocket_paper"
NAN = float("nan")


def sheet(tmp_path, *answers):
    run = made(1)
    record.write(tmp_path / run.identity, run, answers)
    return read_sheet(tmp_path / run.identity / record.QUESTIONS)


def test_answers_are_right_where_the_highest_is_the_answer_and_nan_never_is(tmp_path):
    found = sheet(
        tmp_path, answer("a", CLEAN, 0), answer("b", CLEAN, 1), answer("c", CLEAN, None), answer("d", CLEAN, 3, correct=3)
    )
    assert panel([found], [("mmlu", name) for name in "abcd"], [CLEAN]).tolist() == [[[1, 0, 0, 1]]]


def test_ties_go_to_the_first(tmp_path):
    tied = Response("mmlu", "retain", "a", CLEAN, (-1.0, -1.0, -2.0, -2.0), 0)
    second = Response("mmlu", "retain", "b", CLEAN, (-1.0, -1.0, -2.0, -2.0), 1)
    assert panel([sheet(tmp_path, tied, second)], [("mmlu", "a"), ("mmlu", "b")], [CLEAN]).tolist() == [[[1, 0]]]


def test_questions_of_other_tasks_and_forms_that_were_not_asked_are_kept_apart(tmp_path):
    found = sheet(
        tmp_path, answer("a", CLEAN, 0), answer("a", "option", 1), answer("b", CLEAN, 0), answer("a", CLEAN, 1, task="law")
    )
    assert questions_of([found], {"mmlu"}) == [("mmlu", "a"), ("mmlu", "b")]
    seen = panel([found], [("mmlu", "a"), ("mmlu", "b"), ("law", "a")], [CLEAN, "option"])
    numpy.testing.assert_equal(seen, [[[1, 1, 0]], [[0, NAN, NAN]]])


def test_the_published_answers_give_the_published_scores():
    runs = collect(PUBLISHED).runs[:4]
    sheets = read_sheets(runs)
    assert sheets.left_out == ()
    for run in runs:
        own = sheets.found[run.record.identity]
        for score in run.record.scores:
            seen = panel([own], questions_of([own], {score.task}), [score.perturbation])
            assert seen.size == score.n
            assert seen.mean() == pytest.approx(score.accuracy)


def test_missing_and_damaged_answers_are_named(tmp_path):
    damaged, missing, good = (made(seed) for seed in (1, 2, 3))
    for run in (damaged, missing, good):
        record.write(tmp_path / run.identity, run, [answer("a", CLEAN, 0)])
    (tmp_path / damaged.identity / record.QUESTIONS).write_bytes(b"no parquet")
    (tmp_path / missing.identity / record.QUESTIONS).unlink()
    sheets = read_sheets(Recorded(run, tmp_path / run.identity) for run in (damaged, missing, good))
    assert list(sheets.found) == [good.identity]
    assert damaged.identity in sheets.left_out[0]
    assert missing.identity in sheets.left_out[1]
