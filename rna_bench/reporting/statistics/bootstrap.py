"""Intervals by resampling questions, the same for all seeds, and seeds, where other seeds are spoken of."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy
from numpy.typing import NDArray
from scipy import special

from rna_bench.core import seeds as randomness
from rna_bench.reporting.statistics.intervals import reach

Array: TypeAlias = NDArray[numpy.float64]
RESAMPLES = 2000
CHUNK = 500
"""Resamples that are held as floats at a time: 14,042 questions of MMLU make 56 MB."""
MANY = 1000
"""Up to so many questions all resamples are held as floats, 16 MB."""


class Span(NamedTuple):
    """A value and the ends of its 95% interval, which need not lie as far from it on both sides."""

    value: float
    low: float
    high: float


def bootstrap(values: Array, statistic: Callable[[Array], Array], *, over_seeds: bool, seed: int = 0) -> list[Span]:
    """Return k statistics of mean accuracies with percentile intervals; a resample in which one is NaN is set aside for it.

    `values` (r, s, q): r series (methods, forms) of s seeds and q questions; 1 right, 0 wrong, NaN not asked. `statistic` maps
    series' means over questions and then seeds (r, b) to (k, b). A question is drawn for all series and seeds at once, as it is as
    hard in each: whole clusters are resampled (Efron and Tibshirani, An Introduction to the Bootstrap, 1993).

    Without `over_seeds` the interval speaks of these trained models on other questions. With it seeds are drawn, too, independently
    (Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1, 2007), and it speaks of other seeds as well. s draws of s seeds
    vary by (s - 1) / s too little, so percentiles are then the expanded interval's (Hesterberg, What teachers should know about the
    bootstrap, The American Statistician 69, 2015): of 3 seeds nearly the lowest and the highest of all resamples.
    """
    series, runs, questions = values.shape
    drawn = _question_means(values.reshape(series * runs, questions), seed).reshape(-1, series, runs)
    means, tail = drawn.mean(axis=2), 0.025
    if over_seeds and runs > 1:
        means, tail = numpy.einsum("brs,bs->br", drawn, _counts("seeds", runs, seed)) / runs, _expanded(runs)
    observed = statistic(numpy.nanmean(values, axis=2).mean(axis=1)[:, None])[:, 0]
    ends = _percentiles(statistic(means.T), tail)
    return [Span(float(value), float(low), float(high)) for value, (low, high) in zip(observed, ends, strict=True)]


def _percentiles(found: Array, tail: float) -> Array:
    """Return the percentiles `tail` and 1 - `tail` (k, 2) of the resamples (k, b) in which a statistic is defined."""
    undefined = numpy.isnan(found)
    if not undefined.any():
        return numpy.quantile(found, [tail, 1 - tail], axis=1).T
    kept = (row[~lacking] for row, lacking in zip(found, undefined, strict=True))
    return numpy.stack([numpy.quantile(row, [tail, 1 - tail]) if len(row) else numpy.full(2, numpy.nan) for row in kept])


def _question_means(values: Array, seed: int) -> Array:
    """Return means over resampled questions (b, rows) of rows (rows, q); a row's own questions alone count in it."""
    if values.shape[1] == 1:  # always drawn
        return numpy.broadcast_to(values.T, (RESAMPLES, len(values)))
    counts, asked = _counts("questions", values.shape[1], seed), ~numpy.isnan(values)
    right, mask = numpy.where(asked, values, 0.0).T, None if asked.all() else asked.T.astype(float)
    chunks = (counts[start : start + CHUNK].astype(float, copy=False) for start in range(0, RESAMPLES, CHUNK))
    with numpy.errstate(invalid="ignore"):  # no question of a row drawn: NaN, set aside
        return numpy.concatenate([(drawn @ right) / (values.shape[1] if mask is None else drawn @ mask) for drawn in chunks])


@lru_cache(maxsize=8)
def _counts(name: str, n: int, seed: int) -> NDArray[Any]:
    """Return how often each of n is drawn in each resample (b, n): as bytes where n is large, for none is drawn 256 times.

    The same for the same n, so that the rows of a table do not differ by their draws.
    """
    kind = numpy.uint8 if n > MANY else numpy.float64
    random = randomness.arrays(seed, name, n)
    rows = (numpy.bincount(random.integers(n, size=n), minlength=n) for _ in range(RESAMPLES))
    return numpy.stack([row.astype(kind) for row in rows])


def _expanded(n: int) -> float:
    """Return the expanded interval's tail: Phi(-sqrt(n / (n - 1)) t(0.975, n - 1)), near 0.025 for large n."""
    return float(special.ndtr(-numpy.sqrt(n / (n - 1)) * reach(n)))


def recovery_rate(noisy: Array, plain: Array, whole: Array) -> Array:
    """Return the share of what triggers cost that noise brings back, in percent: (noisy - plain) / (whole - plain).

    `noisy` and `plain` are accuracies under triggers with noise and without, `whole` the accuracy that triggers take from (without
    noise, clean). Below 0 noise costs more; above 100 it brings back more than was lost. NaN where there is nothing to bring back.
    """
    lost = whole - plain
    return 100 * numpy.where(lost > 0, noisy - plain, numpy.nan) / numpy.where(lost > 0, lost, 1.0)


def recoveries(noisy: Array, plain: Array, whole: Array, *, seed: int = 0) -> list[Span | None]:
    """Return k recovery rates with intervals over questions and seeds, of arrays `noisy` and `plain` (k, s, q) and `whole` (s, q).

    None where there is nothing to recover: the interval of what triggers cost is not above 0, and a share of it means nothing.
    """
    kinds = len(noisy)

    def both(means: Array) -> Array:
        with_noise, without, full = means[:kinds], means[kinds : 2 * kinds], means[2 * kinds :]
        return numpy.concatenate([full - without, recovery_rate(with_noise, without, full)])

    spans = bootstrap(numpy.concatenate([noisy, plain, whole[None]]), both, over_seeds=True, seed=seed)
    return [rate if lost.low > 0 else None for lost, rate in zip(spans[:kinds], spans[kinds:], strict=True)]
