"""Bootstrap intervals: questions are resampled, the same for all seeds."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy
from numpy.typing import NDArray

from rna_bench.core import seeds as randomness

Array: TypeAlias = NDArray[numpy.float64]
RESAMPLES = 2000
CHUNK = 500
"""Resamples that are held as floats at a time: 14,042 questions of MMLU make 56 MB."""
MANY = 1000
"""The most questions for which all resamples are held as floats, 16 MB."""


class Span(NamedTuple):
    """A value and the ends of its 95% interval, which need not be symmetric."""

    value: float
    low: float
    high: float


def bootstrap(values: Array, statistic: Callable[[Array], Array], *, seed: int = 0) -> list[Span]:
    """Return k statistics of mean accuracies with percentile intervals, without the resamples in which a statistic is NaN.

    `values` (r, s, q): r series (methods, perturbations) of s seeds and q questions; 1 right, 0 wrong, NaN not asked. `statistic`
    maps the series' means over questions and then seeds (r, b) to (k, b). A question is drawn for all series and seeds at once,
    because its difficulty is common to them: whole clusters are resampled (Efron and Tibshirani, An Introduction to the Bootstrap,
    1993).

    The interval generalises to other questions, for these trained models.
    """
    series, runs, questions = values.shape
    drawn = _question_means(values.reshape(series * runs, questions), seed).reshape(-1, series, runs)
    observed = statistic(numpy.nanmean(values, axis=2).mean(axis=1)[:, None])[:, 0]
    ends = percentiles(statistic(drawn.mean(axis=2).T))
    return [Span(float(value), float(low), float(high)) for value, (low, high) in zip(observed, ends, strict=True)]


def percentiles(resamples: Array) -> Array:
    """Return the percentiles 2.5 and 97.5 (k, 2) of the resamples (k, b) in which a statistic is defined."""
    undefined = numpy.isnan(resamples)
    if not undefined.any():
        return numpy.quantile(resamples, [0.025, 0.975], axis=1).T
    defined = (row[~missing] for row, missing in zip(resamples, undefined, strict=True))
    return numpy.stack([numpy.quantile(row, [0.025, 0.975]) if len(row) else numpy.full(2, numpy.nan) for row in defined])


def _question_means(values: Array, seed: int) -> Array:
    """Return means over resampled questions (b, rows) of rows (rows, q); questions that a row was not asked do not count in it."""
    if values.shape[1] == 1:  # a single question is always drawn
        return numpy.broadcast_to(values.T, (RESAMPLES, len(values)))
    counts, asked = _counts(values.shape[1], seed), ~numpy.isnan(values)
    right, mask = numpy.where(asked, values, 0.0).T, None if asked.all() else asked.T.astype(float)
    chunks = (counts[start : start + CHUNK].astype(float, copy=False) for start in range(0, RESAMPLES, CHUNK))
    with numpy.errstate(invalid="ignore"):  # where no question of a row is drawn its mean is NaN, and left out later
        return numpy.concatenate([(drawn @ right) / (values.shape[1] if mask is None else drawn @ mask) for drawn in chunks])


@lru_cache(maxsize=8)
def _counts(n: int, seed: int) -> NDArray[Any]:
    """Return how often each of n is drawn in each resample (b, n), as bytes where n is large: no count reaches 256.

    The draws are the same for the same n, so that rows of a table do not differ by their draws.
    """
    dtype = numpy.uint8 if n > MANY else numpy.float64
    random = randomness.arrays(seed, "questions", n)
    rows = (numpy.bincount(random.integers(n, size=n), minlength=n) for _ in range(RESAMPLES))
    return numpy.stack([row.astype(dtype) for row in rows])
