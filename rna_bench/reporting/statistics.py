"""Means with intervals over seeds, and comparison at matched forgetting."""

import math
from collections.abc import Callable, Sequence
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
    lowest = [min((c.forget_loss for c in looks if c.forget_loss is not None), default=None) for looks in (one, other)]
    return None if lowest[0] is None or lowest[1] is None else max(lowest[0], lowest[1])


def at_level(looks: Sequence[Checkpoint], level: float, value: Callable[[Checkpoint], float]) -> float | None:
    """Return `value` where the trajectory first comes down to the forget loss `level`.

    Between two looks it is linear in the logarithm of the forget loss. None when the level is not reached.
    """
    before: Checkpoint | None = None
    for look in looks:
        if look.forget_loss is None:
            return None
        if look.forget_loss <= level:
            if before is None or before.forget_loss is None or look.forget_loss == before.forget_loss:
                return value(look)
            span = math.log(before.forget_loss) - math.log(look.forget_loss)
            share = (math.log(before.forget_loss) - math.log(level)) / span
            return value(before) + share * (value(look) - value(before))
        before = look
    return None
