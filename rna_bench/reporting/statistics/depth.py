"""How deeply something is forgotten: the area under accuracy along an attack's budget, half-times, depth between two references.

Accuracy is on facts that the attack never saw, the budget is on the scale log2(1 + budget): the first updates count as much as many
later ones.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy

from rna_bench.core import seeds as randomness
from rna_bench.reporting.statistics.bootstrap import RESAMPLES, Array, Span


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


def depth(model: Array, gold: Array, base: Array) -> Array:
    """Return 1 - (A_model - A_gold) / (A_base - A_gold): 1, as deep as never learned; 0, not forgotten at all; it is not clipped.

    NaN where the base is no better than the gold reference.
    """
    difference = base - gold
    with numpy.errstate(divide="ignore", invalid="ignore"):
        return numpy.where(difference != 0, 1 - (model - gold) / difference, numpy.nan)


def depth_span(model: Array, gold: Array, base: Array, *, seed: int = 0) -> Span:
    """Return the depth of mean areas with a 95% interval, areas (s, q) of s seeds and q facts, NaN where a fact was not asked.

    Seeds and facts are resampled, the same for all three models (paired bootstrap, percentiles); of one seed, facts alone.
    """
    random = randomness.arrays(seed, "depth", *model.shape)
    runs, facts = (random.multinomial(n, [1 / n] * n, size=RESAMPLES).astype(float) for n in model.shape)
    everything = tuple(numpy.ones((1, n)) for n in model.shape)
    (value,) = depth(*(_weighted(areas, *everything) for areas in (model, gold, base)))
    resampled = depth(*(_weighted(areas, runs, facts) for areas in (model, gold, base)))
    defined = resampled[~numpy.isnan(resampled)]
    low, high = numpy.quantile(defined, [0.025, 0.975]) if len(defined) else (numpy.nan, numpy.nan)
    return Span(float(value), float(low), float(high))


def _weighted(areas: Array, runs: Array, facts: Array) -> Array:
    """Return means (b,) of areas (s, q), in which a seed counts as often as `runs` (b, s) and a fact as `facts` (b, q) says."""
    asked = ~numpy.isnan(areas)
    sums = (runs @ numpy.where(asked, areas, 0.0) * facts).sum(axis=1)
    with numpy.errstate(invalid="ignore"):
        return sums / (runs @ asked.astype(float) * facts).sum(axis=1)
