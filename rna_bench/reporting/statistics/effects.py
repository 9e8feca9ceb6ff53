"""The effect of a trigger or of noise over seeds: is it above 0, is it below a margin, and how small a one would have been seen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from scipy import special

from rna_bench.reporting.statistics.scores import less
from rna_bench.reporting.statistics.significance import LEVEL, equal

MARGIN = 3.0
"""Points below which an effect counts as none: the margin of the equivalence test."""
POWER = 0.8


class TwoAccuracies(NamedTuple):
    """Two accuracies of one seed, in percent, each over so many questions: an effect is the first less the second."""

    first: float
    second: float
    questions: float


@dataclass(frozen=True)
class Effect:
    """Differences of two accuracies by seed, in points, and the standard error of their mean with its degrees of freedom.

    The degrees of freedom are infinite where all seeds agree, and the error is that of the questions. The error is infinite for one
    seed, which says nothing of others: its p is 1, and it is not below any margin.
    """

    by_seed: tuple[float, ...]
    error: float
    freedom: float

    @property
    def mean(self) -> float:
        """The mean over seeds."""
        return math.fsum(self.by_seed) / len(self.by_seed)

    @property
    def over_questions(self) -> bool:
        """Whether all seeds agree, so that the error is that of the questions."""
        return math.isinf(self.freedom)

    @property
    def half(self) -> float | None:
        """The half width of the 95% interval, over seeds, or over questions where all seeds agree; None of one seed."""
        if math.isinf(self.error):
            return None
        return self.error * float(special.ndtri(0.975) if self.over_questions else special.stdtrit(self.freedom, 0.975))

    @property
    def p(self) -> float:
        """The two-sided p of the mean against 0: Student's t-test over seeds."""
        return 2 * _lower_tail(self.freedom, -abs(self.mean) / self.error)

    def below(self, margin: float) -> bool:
        """Return whether the mean is shown to be below a margin, by a one-sided test at `LEVEL`.

        This is the upper of the two one-sided tests of equivalence (TOST; Schuirmann, Journal of Pharmacokinetics and
        Biopharmaceutics 15, 1987): the 90% interval ends below the margin. The lower one is left out, because an effect in the
        opposite direction is no evidence for the claim either.
        """
        return _lower_tail(self.freedom, (self.mean - margin) / self.error) < LEVEL

    def detectable(self, level: float) -> float:
        """Return the smallest true mean, in points, that the test at this level finds with probability `POWER`."""
        return noncentrality(self.freedom, level) * self.error


def effect(seeds: Sequence[TwoAccuracies]) -> Effect:
    """Return the effect over seeds; where the differences are equal in all of them, with the sampling error of the questions."""
    by_seed = tuple(less(one.first, one.second) for one in seeds)
    if len(by_seed) == 1:
        return Effect(by_seed, math.inf, 1)
    if equal(by_seed):
        return Effect(by_seed, math.sqrt(math.fsum(_variance(one) for one in seeds) / len(seeds)), math.inf)
    mean = math.fsum(by_seed) / len(by_seed)
    squares = math.fsum((value - mean) ** 2 for value in by_seed)
    return Effect(by_seed, math.sqrt(squares / (len(by_seed) - 1) / len(by_seed)), len(by_seed) - 1)


def _variance(one: TwoAccuracies) -> float:
    """Return the variance of a difference of two accuracies over questions, in points squared.

    With one right and one wrong response added to each, as Agresti and Caffo (The American Statistician 54, 2000) do, so that it is
    not 0 at an accuracy of 0 or 100%. It takes the two as independent, which they are not, being of the same questions: where they
    correlate, as accuracies do, it is too large. Seeds that agree are not counted as more questions: they were asked the same ones.
    """
    n = one.questions + 2
    shares = [(accuracy / 100 * one.questions + 1) / n for accuracy in (one.first, one.second)]
    return 100**2 * math.fsum(share * (1 - share) / n for share in shares)


def _lower_tail(freedom: float, t: float) -> float:
    return float(special.ndtr(t) if math.isinf(freedom) else special.stdtr(freedom, t))


@cache
def noncentrality(freedom: float, level: float) -> float:
    """Return the true mean, in standard errors, at which a two-sided t-test at `level` has probability `POWER` of rejecting 0.

    t = mean / error has the noncentral t distribution, so that it solves P(T > t(1 - level / 2)) = POWER (Cohen, Statistical Power
    Analysis for the Behavioral Sciences, 1988; the other tail is below 1e-6). Divided by sqrt(n) it is in standard deviations:
    11.5 for 2 seeds, 3.26 for 3, 1.68 for 5 and 1.00 for 10. Of k tests corrected by Holm the smallest p is held against level / k,
    the next against level / (k - 1): detecting takes a larger mean, at most that of level / k.
    """
    if math.isinf(freedom):
        return float(special.ndtri(1 - level / 2) + special.ndtri(POWER))
    return float(special.nctdtrinc(freedom, 1 - POWER, special.stdtrit(freedom, 1 - level / 2)))
