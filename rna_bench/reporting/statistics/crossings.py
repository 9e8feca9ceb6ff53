"""Where curves along a run reach a level of forget loss or of forget accuracy."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from rna_bench.core.types import EvalPoint


def common_level(one: Sequence[EvalPoint], other: Sequence[EvalPoint]) -> float | None:
    """Return the lowest forget loss that both runs reached; None where one has no finite loss."""
    lowest = [min(_finite_losses(points), default=None) for points in (one, other)]
    return None if lowest[0] is None or lowest[1] is None else max(lowest[0], lowest[1])


def _finite_losses(points: Sequence[EvalPoint]) -> list[float]:
    """Return the forget losses of eval points, up to the first that is not finite."""
    losses = (math.nan if point.forget_loss is None else point.forget_loss for point in points)
    return [*takewhile(math.isfinite, losses)]


@dataclass(frozen=True)
class Crossing:
    """A place between two points of a curve: the `fraction` of the way from the point before `index` to that at `index`."""

    index: int
    fraction: float

    def read(self, value: Callable[[int], float]) -> float:
        """Return the value there, interpolated linearly; `value` is called for the two neighbouring points alone."""
        if self.fraction == 1:
            return value(self.index)
        before = value(self.index - 1)
        return before + self.fraction * (value(self.index) - before)


def loss_crossing(points: Sequence[EvalPoint], level: float) -> Crossing | None:
    """Return where the run first comes down to the forget loss `level`; None where it does not.

    Between two eval points the logarithm of the forget loss is interpolated linearly; where a loss is not above 0, as that of
    gradient ascent never is, the loss itself.
    """
    losses = _finite_losses(points)
    for index, loss in enumerate(losses):
        if loss <= level:
            if index == 0 or loss in (0, losses[index - 1], level):
                return Crossing(index, 1.0)
            before = losses[index - 1]
            scale = math.log if min(before, level, loss) > 0 else float
            return Crossing(index, (scale(before) - scale(level)) / (scale(before) - scale(loss)))
    return None


def at_level(points: Sequence[EvalPoint], level: float, value: Callable[[EvalPoint], float]) -> float | None:
    """Return `value` where the run first comes down to the forget loss `level`, or None."""
    crossing = loss_crossing(points, level)
    return None if crossing is None else crossing.read(lambda index: value(points[index]))


def fall(falling: Sequence[float], level: float) -> Crossing | None:
    """Return where a sequence first comes down to `level`; None where it does not.

    The sequence is one coordinate of a trade-off curve in order: forget accuracy by eval step, or from the largest noise scale
    down. `level` should lie where the curve is steep: near chance, where accuracy no longer falls, the first crossing is random.
    """
    for index, here in enumerate(falling):
        if here <= level:
            at_point = index == 0 or here == level
            return Crossing(index, 1.0 if at_point else (falling[index - 1] - level) / (falling[index - 1] - here))
    return None


def at_fall(falling: Sequence[float], values: Sequence[float], level: float) -> float | None:
    """Return the curve's other coordinate where `falling` first comes down to `level`, or None."""
    crossing = fall(falling, level)
    return None if crossing is None else crossing.read(values.__getitem__)
