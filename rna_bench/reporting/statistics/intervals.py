"""Means with intervals over seeds, and comparison at matched forgetting: by forget loss, and by forget accuracy."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from typing import NamedTuple

from scipy import special  # not scipy.stats, which takes half a second to import

from rna_bench.core.types import EvalPoint


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
    return Interval(mean, reach(n) * s / math.sqrt(n), n)


@cache
def reach(n: int) -> float:
    """Return t(0.975, n - 1), the half width of a 95% interval of n values in standard errors."""
    return float(special.stdtrit(n - 1, 0.975))


def common_level(one: Sequence[EvalPoint], other: Sequence[EvalPoint]) -> float | None:
    """Return the lowest forget loss that both trajectories reached; None where one has no finite loss."""
    lowest = [min((loss for _, loss in _finite(looks)), default=None) for looks in (one, other)]
    return None if lowest[0] is None or lowest[1] is None else max(lowest[0], lowest[1])


def _finite(looks: Sequence[EvalPoint]) -> list[tuple[EvalPoint, float]]:
    """Return looks with their forget losses, up to the first that is not finite."""
    pairs = ((look, look.forget_loss) for look in looks)
    return [(look, loss) for look, loss in takewhile(lambda pair: pair[1] is not None, pairs) if loss is not None]


@dataclass(frozen=True)
class Crossing:
    """A place between two points of a curve: the `share` of the way from the point before `index` to that at `index`."""

    index: int
    share: float

    def read(self, value: Callable[[int], float]) -> float:
        """Return a value of the curve's points there, linear in between; only the two points beside it are asked for theirs."""
        if self.share == 1:
            return value(self.index)
        before = value(self.index - 1)
        return before + self.share * (value(self.index) - before)


def loss_crossing(looks: Sequence[EvalPoint], level: float) -> Crossing | None:
    """Return where the trajectory first comes down to the forget loss `level`; None when it is not reached.

    Between two looks it is linear in the logarithm of the forget loss.
    """
    losses = [loss for _, loss in _finite(looks)]
    for index, loss in enumerate(losses):
        if loss <= level:
            if index == 0 or loss in (0, losses[index - 1], level):
                return Crossing(index, 1.0)
            before = math.log(losses[index - 1])
            return Crossing(index, (before - math.log(level)) / (before - math.log(loss)))
    return None


def at_level(looks: Sequence[EvalPoint], level: float, value: Callable[[EvalPoint], float]) -> float | None:
    """Return `value` where the trajectory first comes down to the forget loss `level`, or None."""
    found = loss_crossing(looks, level)
    return None if found is None else found.read(lambda index: value(looks[index]))


def fall(falling: Sequence[float], level: float) -> Crossing | None:
    """Return where a trade-off curve's one coordinate first comes down to `level`; None where it does not.

    The curve's points come in order: looks along a run, or noise scales from the largest down, whose forget accuracy falls. The
    level is to lie where the curve is steep: near chance, where accuracy has stopped falling, chance says what comes first.
    """
    for index, here in enumerate(falling):
        if here <= level:
            whole = index == 0 or here == level
            return Crossing(index, 1.0 if whole else (falling[index - 1] - level) / (falling[index - 1] - here))
    return None


def at_fall(falling: Sequence[float], values: Sequence[float], level: float) -> float | None:
    """Return the curve's other coordinate there, or None."""
    found = fall(falling, level)
    return None if found is None else found.read(values.__getitem__)
