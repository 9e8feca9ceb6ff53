"""Means over seeds with 95% intervals: of losses, of accuracies (within 0 and 100), of their differences (within -100 and 100)."""

import math
from collections.abc import Sequence
from enum import Enum
from functools import cache
from typing import NamedTuple

from scipy import special  # not scipy.stats, which takes half a second to import

Z = float(special.ndtri(0.975))
EQUAL = 1e-9
"""Values that differ by less are equal: sums of the same accuracies in another order differ by their rounding."""


class Over(Enum):
    """What an interval generalises to: other seeds, or, where seeds show no variation, other questions for these models."""

    seeds = "seeds"
    questions = "questions"


class Interval(NamedTuple):
    """A mean over n seeds and the ends of its 95% interval; None where there is none."""

    mean: float
    low: float | None
    high: float | None
    n: int
    over: Over = Over.seeds

    @property
    def half(self) -> float | None:
        """Half the interval's width; None without an interval over seeds."""
        return None if self.low is None or self.high is None or self.n == 1 else (self.high - self.low) / 2

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval of several seeds lies above 0."""
        return self.n > 1 and self.low is not None and self.low > 0

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval of several seeds lies below 0."""
        return self.n > 1 and self.high is not None and self.high < 0

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the interval; the mean itself where there is none."""
        return (self.mean if self.low is None else self.low), (self.mean if self.high is None else self.high)

    @property
    def arms(self) -> tuple[list[float], list[float]]:
        """The lengths of an error bar below and above the mean, as Matplotlib takes them."""
        low, high = self.ends
        return [max(self.mean - low, 0.0)], [max(high - self.mean, 0.0)]

    def text(self, digits: int = 1) -> str:
        """Return `97.3 ± 1.2`, or `97.3 [92.5, 98.1]` where the ends are not equally far; `(q)`: an interval over questions."""
        mean = _number(self.mean, digits)
        if self.low is None or self.high is None:
            return mean
        ends = f"{mean} [{_number(self.low, digits)}, {_number(self.high, digits)}]"
        if self.over is Over.questions:
            return f"{ends} (q)"
        symmetric = abs(self.low + self.high - 2 * self.mean) < EQUAL
        return f"{mean} ± {_number(self.high - self.mean, digits)}" if symmetric else ends


def _number(value: float, digits: int) -> str:
    return f"{round(value, digits) + 0.0:.{digits}f}"  # without the sign of -0.0


SHOWN = (
    "Mean and 95% interval over seeds: Student's t, `mean ± half width`; `mean [low, high]` where that would leave the possible "
    "range (Wilson's interval with t and the effective number of questions). `(q)`: of one seed, or of seeds that are all equal, "
    "the interval is that of the questions (Wilson, Newcombe), and generalises to other questions for these models alone."
)
"""How tables say what their intervals are."""


def interval(values: Sequence[float]) -> Interval:
    """Return the mean and Student's t interval: t(0.975, n - 1) * s / sqrt(n), s with n - 1 in the denominator."""
    n, mean = len(values), math.fsum(values) / len(values)
    if n == 1:
        return Interval(mean, None, None, 1)
    half = reach(n) * _deviation(values) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def percent_interval(values: Sequence[float]) -> Interval:
    """Return the mean and Student's t interval of percentages that are no shares of questions, cut at 0 and 100."""
    value = interval(values)
    if value.low is None or value.high is None:
        return value
    return value._replace(low=max(value.low, 0.0), high=min(value.high, 100.0))


def accuracy_interval(values: Sequence[float], questions: int) -> Interval:
    """Return the mean of accuracies in percent, each on so many questions, with an interval within 0 and 100.

    It is Student's t interval where that stays within. Elsewhere it is Wilson's interval with t(0.975, n - 1) in place of z and the
    effective number of questions m (1 - m) / (s^2 / n), m the mean, as for clustered samples (Korn and Graubard, Survey Methodology
    24, 1998; Dean and Pagano, Journal of Survey Statistics and Methodology 3, 2015). Of one seed, and of seeds that are all equal,
    it is Wilson's interval of one seed's questions: they are the same questions, or as few as that is safe to assume.

    Coverage in simulations of 192 questions, seeds' accuracies beta-distributed (mean, standard deviation), at 2, 3, 5, 10 seeds:
    (50, 5) 97, 95, 95, 95; (97, 2) 98, 96, 94, 93; (99, 1) 100, 99, 93, 92; (99.5, 0) 100, 100, 99, 96. Student's t alone, cut at
    0 and 100: 95, 95, 95, 95; 92, 92, 92, 93; 79, 86, 86, 90; 69, 89, 94, 94.
    """
    plain = interval(values)
    if _equal(values):
        return _wilson(plain, questions, Z)._replace(over=Over.questions)
    low, high = plain.ends
    if low >= 0 and high <= 100:
        return plain
    mean, error = plain.mean / 100, _deviation(values) / 100
    return _wilson(plain, mean * (1 - mean) / (error**2 / plain.n), reach(plain.n))


def difference_interval(ones: Sequence[float], others: Sequence[float], questions: int) -> Interval:
    """Return the mean of `ones` less `others`, accuracies in percent paired by seed, with an interval within -100 and 100.

    It is Student's t interval of the differences, cut at -100 and 100. Of one seed, and where all differences are equal, it is
    that of the questions: Newcombe's (method 10, Statistics in Medicine 17, 1998), from Wilson's intervals of both sides. It
    ignores that the same questions are asked on both sides, so that it is, if anything, too wide.
    """
    differences = [0.0 if abs(one - other) < EQUAL else one - other for one, other in zip(ones, others, strict=True)]
    plain = interval(differences)
    if not _equal(differences):
        low, high = plain.ends
        return plain._replace(low=max(low, -100.0), high=min(high, 100.0))
    one, other = (_wilson(interval(side), questions, Z) for side in (ones, others))
    (low, high), (other_low, other_high) = one.ends, other.ends
    down = math.hypot(one.mean - low, other_high - other.mean)
    up = math.hypot(high - one.mean, other.mean - other_low)
    return Interval(plain.mean, plain.mean - down, plain.mean + up, plain.n, Over.questions)


def _wilson(value: Interval, questions: float, z: float) -> Interval:
    """Return the value, in percent, with Wilson's interval of so many questions (JASA 22, 1927)."""
    mean = min(max(value.mean / 100, 0.0), 1.0)
    centre = (mean + z * z / (2 * questions)) / (1 + z * z / questions)
    half = z * math.sqrt(mean * (1 - mean) / questions + (z / (2 * questions)) ** 2) / (1 + z * z / questions)
    low, high = max(centre - half, 0.0) if mean > 0 else 0.0, min(centre + half, 1.0) if mean < 1 else 1.0
    return value._replace(low=min(100 * low, value.mean), high=max(100 * high, value.mean))


def _deviation(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _equal(values: Sequence[float]) -> bool:
    return max(values) - min(values) < EQUAL


@cache
def reach(n: int) -> float:
    """Return t(0.975, n - 1), the half width of a 95% interval of n values in standard errors."""
    return float(special.stdtrit(n - 1, 0.975))
