"""How deeply something is forgotten: what an attack recovers of it, between a model that never learned it and one that knows it."""

from typing import NamedTuple

import numpy

from rna_bench.core import seeds as randomness
from rna_bench.reporting.statistics.bootstrap import RESAMPLES, Array, Span, percentiles

SMALLEST_DIFFERENCE = 0.05
"""What base and gold reference must differ by, in mean accuracy, at the lower end of the difference's interval."""


class Depth(NamedTuple):
    """A depth, and the difference between base and gold reference that it is relative to, with 95% intervals."""

    depth: Span
    difference: Span

    @property
    def defined(self) -> bool:
        """Whether the difference is large enough to divide by."""
        return self.difference.low >= SMALLEST_DIFFERENCE


def depth(model: Array, gold: Array, base: Array) -> Array:
    """Return 1 - (A_model - A_gold) / (A_base - A_gold) of areas: 1, as if never learned; 0, not forgotten at all; not clipped.

    NaN where base and gold reference are equal.
    """
    difference = base - gold
    with numpy.errstate(divide="ignore", invalid="ignore"):
        return numpy.where(difference != 0, 1 - (model - gold) / difference, numpy.nan)


def depth_spans(model: Array, gold: Array, base: Array, *, seed: int = 0) -> Depth:
    """Return the depth of mean areas, areas (s, q) of s seeds and q facts, NaN where a fact was not asked.

    Seeds and facts are resampled, the same for all three models (paired bootstrap, percentiles); of one seed, facts alone.
    """
    random = randomness.arrays(seed, "depth", *model.shape)
    runs, facts = (random.multinomial(n, [1 / n] * n, size=RESAMPLES).astype(float) for n in model.shape)
    everything = tuple(numpy.ones((1, n)) for n in model.shape)
    observed = [_weighted(areas, *everything) for areas in (model, gold, base)]
    resampled = [_weighted(areas, runs, facts) for areas in (model, gold, base)]
    values = numpy.stack([depth(*observed), observed[2] - observed[1]])
    ends = percentiles(numpy.stack([depth(*resampled), resampled[2] - resampled[1]]))
    spans = [Span(float(value), float(low), float(high)) for (value,), (low, high) in zip(values, ends, strict=True)]
    return Depth(*spans)


def _weighted(areas: Array, runs: Array, facts: Array) -> Array:
    """Return means (b,) of areas (s, q), in which a seed counts as often as `runs` (b, s) and a fact as `facts` (b, q) says."""
    asked = ~numpy.isnan(areas)
    sums = (runs @ numpy.where(asked, areas, 0.0) * facts).sum(axis=1)
    with numpy.errstate(invalid="ignore"):  # where no fact is drawn the mean is NaN, and left out later
        return sums / (runs @ asked.astype(float) * facts).sum(axis=1)
