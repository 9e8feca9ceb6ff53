"""How fast what was forgotten comes back: the area under accuracy along an attack's budget, and half-times.

Accuracy is on facts that the attack never saw, the budget is on the scale log2(1 + budget): the first updates count as much as many
later ones.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy

from rna_bench.reporting.statistics.bootstrap import Array


class HalfTime(NamedTuple):
    """The budget after which an accuracy is reached; where it is not, `budget` is all that was spent, and it is `censored`."""

    budget: float
    censored: bool


def area(budgets: Sequence[int], accuracies: Array) -> Array:
    """Return the areas under accuracies (..., n) at n rising budgets, by trapezoids, over the width: a mean accuracy (...).

    At a single budget it is the accuracy there.
    """
    if len(budgets) == 1:
        return accuracies[..., 0]
    places = numpy.log2(1 + numpy.asarray(budgets, dtype=float))
    return numpy.trapezoid(accuracies, places, axis=-1) / (places[-1] - places[0])


def half_time(budgets: Sequence[int], accuracies: Sequence[float], level: float) -> HalfTime:
    """Return the budget at which accuracy first reaches a level, on the straight line between two stages, over log2(1 + budget)."""
    if accuracies[0] >= level:
        return HalfTime(float(budgets[0]), censored=False)
    for (start, before), (end, after) in pairwise(zip(budgets, accuracies, strict=True)):
        if after >= level:
            left, right = math.log2(1 + start), math.log2(1 + end)
            return HalfTime(2 ** (left + (level - before) / (after - before) * (right - left)) - 1, censored=False)
    return HalfTime(float(budgets[-1]), censored=True)


def median_half_time(times: Sequence[HalfTime]) -> HalfTime:
    """Return the median; censored where it lies among those that were not reached within the budget, which all have in common."""
    ordered = sorted(math.inf if time.censored else time.budget for time in times)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    censored = not math.isfinite(middle)
    return HalfTime(max(time.budget for time in times) if censored else middle, censored)
