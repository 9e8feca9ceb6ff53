"""Significance tests of paired differences, and their correction for multiple comparisons."""

from collections.abc import Sequence
from functools import cache

import numpy
from numpy.typing import NDArray
from scipy import special

from rna_bench.reporting.statistics.intervals import interval, reach


@cache
def mcnemar(gained: int, lost: int) -> float:
    """Return McNemar's exact two-sided p, of the numbers of questions that only one of two models has right.

    p = 2 P(X <= min(gained, lost)), X ~ Binomial(gained + lost, 1/2), at most 1 (McNemar, Psychometrika 12, 1947; exact form).
    It generalises to other questions for these two trained models, and not to other seeds. 1 where nothing differs.
    """
    return min(1.0, 2 * float(special.bdtr(min(gained, lost), gained + lost, 0.5)))


def sign_flip(differences: Sequence[int] | NDArray[numpy.int64]) -> float:
    """Return the exact two-sided p of the sum of whole-number differences (n), one per question, under flips of their signs.

    A question's differences are summed over seeds and perturbations first, so that one question is not counted several times. This
    is McNemar's test for clustered pairs, and McNemar's test itself where all differences are -1, 0 or 1. Under the null hypothesis
    a question's responses of the two methods are exchangeable (Fisher's randomisation test, The Design of Experiments, 1935):
    p = P(|sum of ±d| >= |sum of d|), by convolution over the sizes |d|. It generalises to other questions for these trained models,
    and not to other seeds.
    """
    d = numpy.asarray(differences, dtype=numpy.int64)
    sizes, counts = numpy.unique(numpy.abs(d[d != 0]), return_counts=True)
    distribution = numpy.ones(1)  # P(sum = -most), P(sum = -most + 1) .. P(sum = most)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        step = numpy.zeros(2 * size * count + 1)
        step[:: 2 * size] = _binomial(count)
        distribution = numpy.convolve(distribution, step)
    most = len(distribution) // 2
    extreme = numpy.abs(numpy.arange(-most, most + 1)) >= abs(int(d.sum()))
    return min(1.0, float(distribution[extreme].sum()))


@cache
def _binomial(n: int) -> NDArray[numpy.float64]:
    """Return the probabilities of 0 .. n under Binomial(n, 1/2), by logarithms, as n is in the thousands."""
    k = numpy.arange(n + 1)
    return numpy.exp(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1) - n * numpy.log(2))


def paired_t(differences: Sequence[float]) -> float | None:
    """Return the two-sided p of Student's paired t-test over seeds: t = mean / (s / sqrt(n)), n - 1 degrees of freedom.

    It assumes that seeds are independent and their differences normal, and generalises to other seeds. It is below 0.05 exactly
    where `intervals.interval` excludes 0. None for one seed; 1 where all differences are 0, and 0 where all equal another number.
    """
    if len(differences) < 2:
        return None
    if len(set(differences)) == 1:
        return 0.0 if differences[0] else 1.0
    value = interval(differences)
    assert value.half is not None, "there are two differences or more"
    return 2 * float(special.stdtr(value.n - 1, -abs(value.mean) / value.half * reach(value.n)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for multiple comparisons, in the same order (Holm, Scandinavian Journal of Statistics 6, 1979).

    The k-th smallest (k from 0) is multiplied by n - k, and is at least the one before and at most 1. This controls the family-wise
    error rate under any dependence.
    """
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected
