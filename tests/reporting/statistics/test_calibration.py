import math

import numpy
import pytest

from rna_bench.core.types import Response
from rna_bench.reporting.statistics.calibration import (
    BINS,
    calibration,
    calibration_error,
    read_answers,
    read_calibrations,
)
from rna_bench.runs import record
from rna_bench.runs.collection import Recorded
from tests.builders.records import make_record, scored


def naive(confidence, right):
    """Guo et al. 2017, equation 3, bin by bin."""
    total = 0.0
    for number in range(1, BINS + 1):
        own = [i for i, one in enumerate(confidence) if (number - 1) / BINS < one <= number / BINS]
        if own:
            accuracy = sum(right[i] for i in own) / len(own)
            total += len(own) / len(confidence) * abs(accuracy - sum(confidence[i] for i in own) / len(own))
    return total


def error(confidence, right):
    return calibration_error(numpy.array(confidence, dtype=float), numpy.array(right, dtype=bool))


def test_values_by_hand():
    # two bins: (0.6, 0.667] with one of two right, and (0.933, 1] with both right
    assert error([0.65, 0.65, 0.95, 1.0], [1, 0, 1, 1]) == pytest.approx(0.5 * 0.15 + 0.5 * 0.025)
    assert error([0.65, 0.65], [1, 0]) == pytest.approx(0.15)
    assert error([0.8, 0.8, 0.8, 0.8, 0.8], [1, 1, 1, 1, 0]) == pytest.approx(0.0)  # calibrated
    assert error([1.0, 1.0], [0, 0]) == 1.0  # sure and wrong
    assert error([0.62, 0.64], [1, 0]) == pytest.approx(0.13)  # within one bin over- and underconfidence cancel
    assert error([0.25, 0.9], [0, 1]) == pytest.approx(0.5 * 0.25 + 0.5 * 0.1)
    assert math.isnan(error([], []))


def test_it_is_the_sum_over_bins_of_the_paper():
    draws = numpy.random.default_rng(0)
    confidence, right = draws.uniform(0.25, 1, 500), draws.uniform(size=500) < 0.6
    assert error(confidence, right) == pytest.approx(naive(confidence, right))
    edges = [number / BINS for number in range(4, BINS + 1)]
    assert error(edges, [1] * len(edges)) == pytest.approx(naive(edges, [1] * len(edges)))


def responses():
    sure, even = tuple(map(math.log, (0.7, 0.1, 0.1, 0.1))), (-50.0, -50.0, -50.0, -50.0)
    nan = (math.nan, -1.0, -1.0, -1.0)
    return [
        *(Response("mmlu", "retain", f"q{n}", "clean", logps, 0) for n, logps in enumerate((sure, even, nan))),
        Response("mmlu", "retain", "q0", "option", sure, 1),
        Response("mmlu", "retain", "q0", "option_control", sure, 0),
        Response("wmdp", "forget", "w0", "clean", sure, 2),
        Response("wmdp2", "forget", "w1", "clean", sure, 0),
    ]


def test_confidence_is_the_share_of_the_four_and_tasks_of_a_role_are_taken_together(tmp_path):
    run = make_record(1, scores=(*scored(), *(type(one)("wmdp2", "forget", "clean", 1.0, None, 1) for one in scored()[:1])))
    record.write(tmp_path / run.identity, run, responses())
    answers = read_answers(tmp_path / run.identity / record.QUESTIONS)
    assert answers["mmlu", "clean"].confidence == pytest.approx([0.7, 0.25])  # the third is not finite
    assert answers["mmlu", "clean"].right.tolist() == [True, True]
    found = calibration(answers, run)
    assert found == pytest.approx({"forget": 20.0, "retain": 52.5, "option": 70.0})
    assert read_calibrations([Recorded(run, tmp_path / run.identity)]) == {run.identity: found}


def test_a_run_without_responses_has_none(tmp_path):
    run = make_record(1)
    assert read_calibrations([Recorded(run, tmp_path)]) == {run.identity: {}}
    record.write(tmp_path, run, [])
    assert read_calibrations([Recorded(run, tmp_path)]) == {run.identity: {}}
