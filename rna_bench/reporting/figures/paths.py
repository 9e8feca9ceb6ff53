"""A method's path in the trade-off plane: from its no-noise baseline to its largest noise scale."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from rna_bench.core.types import TriggerType
from rna_bench.reporting.figures.chains import Chain, perturbed
from rna_bench.reporting.figures.labels import Obstacle
from rna_bench.reporting.figures.style import fill
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval
from rna_bench.reporting.statistics.pairs import accuracy_over_seeds
from rna_bench.reporting.statistics.scores import forget_accuracy

MARKER, APART = 6.0, 4.8
"""Typographic points: the size of a marker, and the least distance between the markers of different methods."""

CORNERS = ((0, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))


class PlanePoint(NamedTuple):
    """A group in the plane."""

    group: Group
    forget: Interval
    perturbed: Interval


class TradeoffPath(NamedTuple):
    """A chain in the plane, drawn `aside` along x from its place where it would cover others."""

    chain: Chain
    points: tuple[PlanePoint, ...]
    aside: float = 0.0

    @property
    def spots(self) -> list[tuple[float, float]]:
        """The coordinates at which its points are drawn."""
        return [(point.forget.mean + self.aside, point.perturbed.mean) for point in self.points]


def path_of(chain: Chain, trigger_types: Sequence[TriggerType]) -> TradeoffPath:
    """Return a chain's path; perturbed accuracy is the mean over `trigger_types`."""
    return TradeoffPath(chain, tuple(point_of(group, trigger_types) for group in chain.members))


def point_of(group: Group, trigger_types: Sequence[TriggerType]) -> PlanePoint:
    """Return a group's place in the plane."""
    return PlanePoint(
        group, accuracy_over_seeds(group, forget_accuracy, "forget"), accuracy_over_seeds(group, perturbed(trigger_types))
    )


def apart(axes: Axes, paths: Iterable[TradeoffPath]) -> list[TradeoffPath]:
    """Return the paths, those whose ends would cover another's end moved aside as little as possible."""
    size = _pixels(axes, APART)
    start, end = axes.transData.inverted().transform([(0, 0), (size, 0)])
    moved: list[TradeoffPath] = []
    for path in paths:
        tries = [path._replace(aside=side * half * (end[0] - start[0]) / 2) for half in range(40) for side in (1, -1)]
        moved.append(next((one for one in tries if not any(_touch(axes, one, other, size) for other in moved)), path))
    return moved


def _touch(axes: Axes, one: TradeoffPath, other: TradeoffPath, size: float) -> bool:
    """Return whether ends of the two paths that are of different groups are nearer than `size` pixels."""
    ends = [[(path.points[place].group, axes.transData.transform(path.spots[place])) for place in (0, -1)] for path in (one, other)]
    return any(
        group is not another and max(abs(spot[0] - place[0]), abs(spot[1] - place[1])) < 0.99 * size
        for group, spot in ends[0]
        for another, place in ends[1]
    )


def draw_path(axes: Axes, path: TradeoffPath, name: str) -> list[Obstacle]:
    """Draw a path with its interval bars; return the obstacles for labels other than its own `name`."""
    style, spots, last = path.chain.style, path.spots, len(path.points) - 1
    obstacles: list[Obstacle] = []
    for place, (point, (x, y)) in enumerate(zip(path.points, spots, strict=True)):
        end = place in (0, last)
        shape = fill(style, noisy=point.group.scale > 0)
        axes.plot([x], [y], linestyle="", markersize=MARKER if end else 2.5, zorder=3 if end else 2, **shape)
        obstacles += [Obstacle(*corner, 100 if end else 30, name) for corner in _corners(axes, x, y)]
        obstacles += _bars(axes, point, (x, y), style.colour) if end else []
    for (x, y), (to_x, to_y) in pairwise(spots):
        obstacles += [Obstacle(x + (to_x - x) * part / 9, y + (to_y - y) * part / 9, 20) for part in range(10)]
    if last:
        _arrow(axes, spots, style.colour)
    return obstacles


def _bars(axes: Axes, point: PlanePoint, spot: tuple[float, float], colour: str) -> list[Obstacle]:
    """Draw the 95% intervals; return them as obstacles."""
    (x, y), across, up = spot, point.forget.arms, point.perturbed.arms
    axes.errorbar(x, y, xerr=across, yerr=up, fmt="none", ecolor=colour, elinewidth=0.7, alpha=0.45, zorder=1)
    left, right = x - across[0][0], x + across[1][0]
    low, high = y - up[0][0], y + up[1][0]
    parts = [part / 8 for part in range(9)]
    beside = [Obstacle(left + part * (right - left), y, 3) for part in parts]
    return [*beside, *(Obstacle(x, low + part * (high - low), 3) for part in parts)]


def _arrow(axes: Axes, spots: Sequence[tuple[float, float]], colour: str) -> None:
    """Draw a line through all spots but the last, and an arrow to the last."""
    axes.plot(*zip(*spots[:-1], strict=True), color=colour, linewidth=1.1, zorder=2)
    arrow = FancyArrowPatch(spots[-2], spots[-1], arrowstyle="-|>", mutation_scale=8, shrinkA=0, shrinkB=3.5, color=colour)
    arrow.set(linewidth=1.1, zorder=2)
    axes.add_patch(arrow)


def _corners(axes: Axes, x: float, y: float) -> list[tuple[float, float]]:
    """Return the centre and the corners of a marker at a point."""
    corners = axes.transData.transform((x, y)) + _pixels(axes, MARKER / 2) * numpy.array(CORNERS)
    return [(float(x), float(y)) for x, y in axes.transData.inverted().transform(corners)]


def _pixels(axes: Axes, points: float) -> float:
    return points * axes.figure.dpi / 72
