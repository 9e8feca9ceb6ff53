"""Tests of paired differences, and their correction for how many there are."""

from collections.abc import Sequence
from functools import cache

import numpy
from numpy.typing import NDArray
from scipy import special

from rna_bench.reporting.statistics.intervals import interval, reach


@cache
def mcnemar(gained: int, lost: int) -> float:
    """Return McNemar's exact two-sided p: of the questions that one of two models alone has right, which one is a fair coin's toss.

    p = 2 P(X <= min(gained, lost)), X ~ Binomial(gained + lost, 1/2), at most 1 (McNemar, Psychometrika 12, 1947; exact form).
    It speaks of two trained models, not of other seeds. 1 where nothing differs.
    """
    return min(1.0, 2 * float(special.bdtr(min(gained, lost), gained + lost, 0.5)))


def sign_flip(differences: Sequence[int] | NDArray[numpy.int64]) -> float:
    """Return the exact two-sided p of the sum of whole-number differences (n), one a question, under flips of their signs.

    A question's difference is summed over seeds and forms before, so that what they share is not counted as many: McNemar's test
    for clustered pairs, and that test itself where all are -1, 0 or 1. Under the null hypothesis a question's answers of the two
    methods could be swapped (Fisher's randomisation test, The Design of Experiments, 1935): p = P(|sum of ±d| >= |sum of d|), by
    convolution over the sizes |d|. It speaks of these trained models on other questions, not of other seeds.
    """
    found = numpy.asarray(differences, dtype=numpy.int64)
    sizes, counts = numpy.unique(numpy.abs(found[found != 0]), return_counts=True)
    law = numpy.ones(1)  # P(sum = -reach), P(sum = -reach + 1) .. P(sum = reach)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        step = numpy.zeros(2 * size * count + 1)
        step[:: 2 * size] = _tosses(count)
        law = numpy.convolve(law, step)
    reach = len(law) // 2
    far = numpy.abs(numpy.arange(-reach, reach + 1)) >= abs(int(found.sum()))
    return min(1.0, float(law[far].sum()))


@cache
def _tosses(n: int) -> NDArray[numpy.float64]:
    """Return the chances of 0 .. n heads in n tosses, by logarithms: n is thousands."""
    heads = numpy.arange(n + 1)
    return numpy.exp(special.gammaln(n + 1) - special.gammaln(heads + 1) - special.gammaln(n - heads + 1) - n * numpy.log(2))


def paired_t(differences: Sequence[float]) -> float | None:
    """Return the two-sided p of Student's paired t-test over seeds: t = mean / (s / sqrt(n)), n - 1 degrees of freedom.

    It assumes that seeds are independent and their differences normal, and speaks of other seeds; it is below 0.05 exactly where
    `statistics.interval` leaves out 0. None for one seed; 1 where all differences are 0, and 0 where all are another number.
    """
    if len(differences) < 2:
        return None
    if len(set(differences)) == 1:
        return 0.0 if differences[0] else 1.0
    found = interval(differences)
    assert found.half is not None, "there are two differences or more"
    return 2 * float(special.stdtr(found.n - 1, -abs(found.mean) / found.half * reach(found.n)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, in the same order: Holm, Scandinavian Journal of Statistics 6, 1979.

    The k-th smallest (k from 0) is multiplied by n - k, and is no smaller than the one before, at most 1. The chance of one false
    finding or more is held at the level, whatever the dependence.
    """
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected
