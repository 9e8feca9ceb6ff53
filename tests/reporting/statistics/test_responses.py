from pathlib import Path

import numpy
import pytest

from rna_bench.core.types import CLEAN, Response
from rna_bench.reporting.statistics.responses import correctness, questions_of, read_response_matrices, read_response_matrix
from rna_bench.runs import record
from rna_bench.runs.collection import Recorded, collect
from tests.builders.records import make_record, response

PUBLISHED = Path(__file__).parents[3] / "results" / "published" / "pocket_paper"
NAN = float("nan")


def matrix(tmp_path, *responses):
    run = make_record(1)
    record.write(tmp_path / run.identity, run, responses)
    return read_response_matrix(tmp_path / run.identity / record.QUESTIONS)


def test_responses_are_right_where_the_highest_is_the_answer_and_nan_never_is(tmp_path):
    own = matrix(
        tmp_path, response("a", CLEAN, 0), response("b", CLEAN, 1), response("c", CLEAN, None), response("d", CLEAN, 3, correct=3)
    )
    assert correctness([own], [("mmlu", name) for name in "abcd"], [CLEAN]).tolist() == [[[1, 0, 0, 1]]]


def test_ties_go_to_the_first(tmp_path):
    tied = Response("mmlu", "retain", "a", CLEAN, (-1.0, -1.0, -2.0, -2.0), 0)
    second = Response("mmlu", "retain", "b", CLEAN, (-1.0, -1.0, -2.0, -2.0), 1)
    assert correctness([matrix(tmp_path, tied, second)], [("mmlu", "a"), ("mmlu", "b")], [CLEAN]).tolist() == [[[1, 0]]]


def test_questions_of_other_tasks_and_perturbations_that_were_not_asked_are_kept_apart(tmp_path):
    own = matrix(
        tmp_path, response("a", CLEAN, 0), response("a", "option", 1), response("b", CLEAN, 0), response("a", CLEAN, 1, task="law")
    )
    assert questions_of([own], {"mmlu"}) == [("mmlu", "a"), ("mmlu", "b")]
    right = correctness([own], [("mmlu", "a"), ("mmlu", "b"), ("law", "a")], [CLEAN, "option"])
    numpy.testing.assert_equal(right, [[[1, 1, 0]], [[0, NAN, NAN]]])


def test_the_published_responses_give_the_published_scores():
    runs = collect(PUBLISHED).runs[:4]
    matrices = read_response_matrices(runs)
    assert matrices.left_out == ()
    for run in runs:
        own = matrices.by_run[run.record.identity]
        for score in run.record.scores:
            right = correctness([own], questions_of([own], {score.task}), [score.perturbation])
            assert right.size == score.n
            assert right.mean() == pytest.approx(score.accuracy)


def test_missing_and_damaged_responses_are_named(tmp_path):
    damaged, missing, good = (make_record(seed) for seed in (1, 2, 3))
    for run in (damaged, missing, good):
        record.write(tmp_path / run.identity, run, [response("a", CLEAN, 0)])
    (tmp_path / damaged.identity / record.QUESTIONS).write_bytes(b"no parquet")
    (tmp_path / missing.identity / record.QUESTIONS).unlink()
    matrices = read_response_matrices(Recorded(run, tmp_path / run.identity) for run in (damaged, missing, good))
    assert list(matrices.by_run) == [good.identity]
    assert damaged.identity in matrices.left_out[0]
    assert missing.identity in matrices.left_out[1]
