"""Losses and eval points along a run -> short lists of numbers for the page's curves."""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rna_bench.core.types import EvalPoint, RunRecord, StepLoss
from rna_bench.reporting.page.pool import rounded
from rna_bench.reporting.page.rows import clean_retain_accuracy, perturbed_accuracy
from rna_bench.reporting.statistics.scores import forget_accuracy, has_role

POINTS = 40
"""The most points of a loss curve; each is the mean over consecutive steps, whichever their topics."""
DIGITS = 3
"""Significant digits of a curve's points."""


def loss_curve(losses: Sequence[StepLoss]) -> dict[str, Any]:
    """Return the mean forget loss and the mean retain loss of at most `POINTS` spans of `width` steps."""
    if not losses:
        return {}
    width = math.ceil((losses[-1].step + 1) / POINTS)
    spans = [list(steps) for _, steps in groupby(losses, lambda loss: loss.step // width)]
    return {
        "width": width,
        "forget": [_mean([loss.forget for loss in steps]) for steps in spans],
        "retain": [_mean([loss.retain for loss in steps]) for steps in spans],
    }


def eval_curve(record: RunRecord) -> dict[str, list[float | None]]:
    """Return step, forget loss and accuracies (percent) of each eval point, on the questions scored along the run."""
    points = record.eval_points
    if not points:
        return {}
    return {
        "step": [point.step for point in points],
        "loss": [rounded(point.forget_loss, DIGITS) for point in points],
        "forget": [rounded(_forget(point), DIGITS) for point in points],
        "retain": [rounded(clean_retain_accuracy(point.scores), DIGITS) for point in points],
        "perturbed": [rounded(perturbed_accuracy(record, point.scores), DIGITS) for point in points],
    }


def _forget(point: EvalPoint) -> float | None:
    return forget_accuracy(point.scores) if has_role(point.scores, "forget") else None


def _mean(values: Sequence[Any]) -> float | None:
    """Return the mean of the numbers; None where one is not finite, which interrupts the curve."""
    return None if None in values else rounded(math.fsum(values) / len(values), DIGITS)
