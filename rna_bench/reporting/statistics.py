"""Means with intervals over seeds, and comparison at matched forgetting: by forget loss, and by forget accuracy."""

import math
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import NamedTuple

from scipy.stats import t as student_t

from rna_bench.schema import Checkpoint


class Interval(NamedTuple):
    """A mean over n seeds and the half width of its 95% interval; None where n is 1."""

    mean: float
    half: float | None
    n: int

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.half is not None and self.mean - self.half > 0

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.half is not None and self.mean + self.half < 0


def interval(values: Sequence[float]) -> Interval:
    """Return the mean and Student's t interval: t(0.975, n - 1) * s / sqrt(n), s with n - 1 in the denominator."""
    n = len(values)
    mean = math.fsum(values) / n
    if n == 1:
        return Interval(mean, None, 1)
    s = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    return Interval(mean, float(student_t.ppf(0.975, n - 1)) * s / math.sqrt(n), n)


def common_level(one: Sequence[Checkpoint], other: Sequence[Checkpoint]) -> float | None:
    """Return the lowest forget loss that both trajectories reached; None where one has no finite loss."""
    lowest = [min((loss for _, loss in _finite(looks)), default=None) for looks in (one, other)]
    return None if lowest[0] is None or lowest[1] is None else max(lowest[0], lowest[1])


def _finite(looks: Sequence[Checkpoint]) -> list[tuple[Checkpoint, float]]:
    """Return looks with their forget losses, up to the first that is not finite."""
    pairs = ((look, look.forget_loss) for look in looks)
    return [(look, loss) for look, loss in takewhile(lambda pair: pair[1] is not None, pairs) if loss is not None]


def at_level(looks: Sequence[Checkpoint], level: float, value: Callable[[Checkpoint], float]) -> float | None:
    """Return `value` where the trajectory first comes down to the forget loss `level`.

    Between two looks it is linear in the logarithm of the forget loss. None when the level is not reached.
    """
    before: tuple[Checkpoint, float] | None = None
    for look, loss in _finite(looks):
        if loss <= level:
            if before is None or loss in (0, before[1], level):
                return value(look)
            share = (math.log(before[1]) - math.log(level)) / (math.log(before[1]) - math.log(loss))
            return value(before[0]) + share * (value(look) - value(before[0]))
        before = look, loss
    return None


def at_fall(falling: Sequence[float], values: Sequence[float], level: float) -> float | None:
    """Return the value, linear in between, where a trade-off curve's other coordinate first comes down to `level`, or None.

    The curve's points come in order: looks along a run, or noise scales from the largest down, whose forget accuracy falls. The
    level is to lie where the curve is steep: near chance, where accuracy has stopped falling, chance says what comes first.
    """
    for index, here in enumerate(falling):
        if here <= level:
            if index == 0 or here == level:
                return values[index]
            before = falling[index - 1]
            return values[index - 1] + (before - level) / (before - here) * (values[index] - values[index - 1])
    return None
