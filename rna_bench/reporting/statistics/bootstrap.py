"""Bootstrap intervals: questions are resampled, the same for all seeds, and optionally the seeds."""

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
"""The most questions for which all resamples are held as floats, 16 MB."""


class Span(NamedTuple):
    """A value and the ends of its 95% interval, which need not be symmetric."""

    value: float
    low: float
    high: float


def bootstrap(values: Array, statistic: Callable[[Array], Array], *, over_seeds: bool, seed: int = 0) -> list[Span]:
    """Return k statistics of mean accuracies with percentile intervals, without the resamples in which a statistic is NaN.

    `values` (r, s, q): r series (methods, perturbations) of s seeds and q questions; 1 right, 0 wrong, NaN not asked. `statistic`
    maps the series' means over questions and then seeds (r, b) to (k, b). A question is drawn for all series and seeds at once,
    because its difficulty is common to them: whole clusters are resampled (Efron and Tibshirani, An Introduction to the Bootstrap,
    1993).

    Without `over_seeds` the interval generalises to other questions, for these trained models. With it seeds are drawn too,
    independently (Owen, The pigeonhole bootstrap, Annals of Applied Statistics 1, 2007), and the interval generalises to other
    seeds as well. The variance of s draws of s seeds is too small by the factor (s - 1) / s, so the percentiles are then those of
    the expanded interval (Hesterberg, What teachers should know about the bootstrap, The American Statistician 69, 2015): of 3
    seeds, nearly the lowest and the highest of all resamples.
    """
    series, runs, questions = values.shape
    drawn = _question_means(values.reshape(series * runs, questions), seed).reshape(-1, series, runs)
    means, tail = drawn.mean(axis=2), 0.025
    if over_seeds and runs > 1:
        means, tail = numpy.einsum("brs,bs->br", drawn, _counts("seeds", runs, seed)) / runs, _expanded(runs)
    observed = statistic(numpy.nanmean(values, axis=2).mean(axis=1)[:, None])[:, 0]
    ends = _percentiles(statistic(means.T), tail)
    return [Span(float(value), float(low), float(high)) for value, (low, high) in zip(observed, ends, strict=True)]


def _percentiles(resamples: Array, tail: float) -> Array:
    """Return the percentiles `tail` and 1 - `tail` (k, 2) of the resamples (k, b) in which a statistic is defined."""
    undefined = numpy.isnan(resamples)
    if not undefined.any():
        return numpy.quantile(resamples, [tail, 1 - tail], axis=1).T
    defined = (row[~missing] for row, missing in zip(resamples, undefined, strict=True))
    return numpy.stack([numpy.quantile(row, [tail, 1 - tail]) if len(row) else numpy.full(2, numpy.nan) for row in defined])


def _question_means(values: Array, seed: int) -> Array:
    """Return means over resampled questions (b, rows) of rows (rows, q); questions that a row was not asked do not count in it."""
    if values.shape[1] == 1:  # a single question is always drawn
        return numpy.broadcast_to(values.T, (RESAMPLES, len(values)))
    counts, asked = _counts("questions", values.shape[1], seed), ~numpy.isnan(values)
    right, mask = numpy.where(asked, values, 0.0).T, None if asked.all() else asked.T.astype(float)
    chunks = (counts[start : start + CHUNK].astype(float, copy=False) for start in range(0, RESAMPLES, CHUNK))
    with numpy.errstate(invalid="ignore"):  # where no question of a row is drawn its mean is NaN, and left out later
        return numpy.concatenate([(drawn @ right) / (values.shape[1] if mask is None else drawn @ mask) for drawn in chunks])


@lru_cache(maxsize=8)
def _counts(name: str, n: int, seed: int) -> NDArray[Any]:
    """Return how often each of n is drawn in each resample (b, n), as bytes where n is large: no count reaches 256.

    The draws are the same for the same n, so that rows of a table do not differ by their draws.
    """
    dtype = numpy.uint8 if n > MANY else numpy.float64
    random = randomness.arrays(seed, name, n)
    rows = (numpy.bincount(random.integers(n, size=n), minlength=n) for _ in range(RESAMPLES))
    return numpy.stack([row.astype(dtype) for row in rows])


def _expanded(n: int) -> float:
    """Return the expanded interval's tail probability, Phi(-sqrt(n / (n - 1)) t(0.975, n - 1)); near 0.025 for large n."""
    return float(special.ndtr(-numpy.sqrt(n / (n - 1)) * reach(n)))


def recovery_rate(noisy: Array, baseline: Array, clean: Array) -> Array:
    """Return the percentage of the trigger-induced drop that noise recovers: (noisy - baseline) / (clean - baseline).

    `noisy` and `baseline` are perturbed accuracies with noise and without, `clean` is the clean accuracy without noise. Below 0,
    noise lowers perturbed accuracy; above 100, it recovers more than the drop. NaN where there is no drop.
    """
    drop = clean - baseline
    return 100 * numpy.where(drop > 0, noisy - baseline, numpy.nan) / numpy.where(drop > 0, drop, 1.0)


def recoveries(noisy: Array, baseline: Array, clean: Array, *, seed: int = 0) -> list[Span | None]:
    """Return k recovery rates with intervals over questions and seeds, of `noisy` and `baseline` (k, s, q) and `clean` (s, q).

    None where the interval of the drop is not above 0: a percentage of it would be meaningless.
    """
    count = len(noisy)

    def drops_and_rates(means: Array) -> Array:
        with_noise, without, full = means[:count], means[count : 2 * count], means[2 * count :]
        return numpy.concatenate([full - without, recovery_rate(with_noise, without, full)])

    spans = bootstrap(numpy.concatenate([noisy, baseline, clean[None]]), drops_and_rates, over_seeds=True, seed=seed)
    return [rate if drop.low > 0 else None for drop, rate in zip(spans[:count], spans[count:], strict=True)]
