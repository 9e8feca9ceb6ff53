"""Losses and looks along a run -> short lists of numbers for its curves."""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rna_bench.core.types import EvalPoint, RunRecord, StepLoss
from rna_bench.reporting.page.pool import digits
from rna_bench.reporting.page.rows import perturbed, retained
from rna_bench.reporting.statistics.frame import forget_accuracy

POINTS = 40
"""The most points of a loss curve: each is the mean over steps that follow one another, and over their topics."""
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


def looks_curve(record: RunRecord) -> dict[str, list[float | None]]:
    """Return step, forget loss and accuracies (percent) of each look along the run, on the questions asked there."""
    looks = record.eval_points
    if not looks:
        return {}
    return {
        "step": [look.step for look in looks],
        "loss": [digits(look.forget_loss, DIGITS) for look in looks],
        "forget": [digits(_forget(look), DIGITS) for look in looks],
        "retain": [digits(retained(look.scores), DIGITS) for look in looks],
        "perturbed": [digits(perturbed(record, look.scores), DIGITS) for look in looks],
    }


def _forget(look: EvalPoint) -> float | None:
    return forget_accuracy(look.scores) if any(score.role == "forget" for score in look.scores) else None


def _mean(values: Sequence[Any]) -> float | None:
    """Return the mean of the numbers; None where one is not finite: a curve stops there."""
    return None if None in values else digits(math.fsum(values) / len(values), DIGITS)
