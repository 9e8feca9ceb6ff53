"""Responses -> the expected calibration error of a run's answers, by group of questions.

Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (arXiv 1706.04599), equation 3, with its 15 bins.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy
import pyarrow
from numpy.typing import NDArray

from rna_bench.core.types import CLEAN, RunRecord, TriggerType
from rna_bench.reporting.statistics.responses import coded, right_rows
from rna_bench.runs.collection import Recorded
from rna_bench.runs.record import LOGPS, QUESTIONS, read_responses

BINS = 15
AskedKey: TypeAlias = tuple[str, str]
"""A task and a perturbation."""
Calibration: TypeAlias = Mapping[str, float]
"""A run's expected calibration errors in percent: `forget` and `retain` are clean questions, trigger types retain questions."""


class Answers(NamedTuple):
    """The confidence of answers (n), their probability among the four choices, and whether they are right (n)."""

    confidence: NDArray[numpy.float64]
    right: NDArray[numpy.bool_]


def calibration_error(confidence: NDArray[numpy.float64], right: NDArray[numpy.bool_]) -> float:
    """Return the expected calibration error of n answers, 0..1; NaN of none.

    The sum over bins of |share of right answers - mean confidence| times the bin's share of the answers. The bins are
    ((m - 1) / 15, m / 15] for m = 1 .. 15. `confidence` (n) is the probability of the answer chosen.
    """
    if not len(confidence):
        return float("nan")
    bins = numpy.clip(numpy.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = numpy.bincount(bins, right.astype(float), BINS) - numpy.bincount(bins, confidence, BINS)
    return float(numpy.abs(gaps).sum() / len(confidence))


def confidences(table: pyarrow.Table) -> NDArray[numpy.float64]:
    """Return, for each response (n), the probability of the choice among the four; NaN where a log-likelihood is not finite."""
    logps = numpy.stack([table.column(name).to_numpy() for name in LOGPS], axis=1).astype(float)
    logps[~numpy.isfinite(logps).all(axis=1)] = numpy.nan
    return 1 / numpy.exp(logps - logps.max(axis=1, keepdims=True)).sum(axis=1)


def read_answers(path: Path) -> dict[AskedKey, Answers]:
    """Return the answers in a run's file of responses, by task and perturbation; those not finite are left out."""
    names = ["task", "perturbation"]
    table = read_responses(path, [*names, *LOGPS, "answer"], coded=names)
    if not table.num_rows:
        return {}
    confidence, right = confidences(table), right_rows(table)
    (task, tasks), (perturbation, perturbations) = (coded(table.column(name)) for name in names)
    cell = numpy.where(numpy.isfinite(confidence), task * len(perturbations) + perturbation, -1)
    asked: dict[AskedKey, Answers] = {}
    for number in numpy.unique(cell[cell >= 0]).tolist():
        key = str(tasks[number // len(perturbations)]), str(perturbations[number % len(perturbations)])
        asked[key] = Answers(confidence[cell == number], right[cell == number])
    return asked


def calibration(answers: Mapping[AskedKey, Answers], record: RunRecord) -> Calibration:
    """Return the calibration of a run's answers; tasks of a role are taken together."""
    roles = {score.task: score.role for score in record.scores}
    groups = {"forget": ("forget", CLEAN), "retain": ("retain", CLEAN)}
    groups |= {one.trigger: ("retain", one.trigger) for one in TriggerType}
    pooled = {
        name: [own for (task, perturbation), own in answers.items() if (roles.get(task), perturbation) == group]
        for name, group in groups.items()
    }
    return {name: 100 * _together(parts) for name, parts in pooled.items() if parts}


def _together(parts: Sequence[Answers]) -> float:
    confidence, right = (numpy.concatenate(columns) for columns in zip(*parts, strict=True))
    return calibration_error(confidence, right)


def read_calibrations(runs: Iterable[Recorded]) -> dict[str, Calibration]:
    """Return the calibration of each run by its identity; runs whose responses cannot be read have none."""
    return {run.record.identity: calibration(answers_of(run), run.record) for run in runs}


def answers_of(run: Recorded) -> dict[AskedKey, Answers]:
    """Return a run's answers; none where its responses are missing or damaged, which is said where tests need them."""
    try:
        return read_answers(run.folder / QUESTIONS)
    except (OSError, KeyError, ValueError, pyarrow.ArrowException):
        return {}
