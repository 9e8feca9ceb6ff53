"""Labels beside their points: each is placed where it covers the least of what is drawn and of earlier labels."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

ANGLES = (0, 180, 25, -25, 155, -155, 50, -50, 130, -130, 80, -80, 100, -100)
DISTANCES = (8, 11, 18, 26, 35, 45, 56, 68, 82, 98, 116)
"""Typographic points between a point and its label; beyond `LED` a leader line connects them."""
LED = 11
LED_COST, MISTAKEN, ON_LABEL, OUTSIDE = 25, 150, 1000, 50
"""Costs of a leader line, of another's marker nearer than one's own, of a label on a label, and of a pixel outside the axes."""
NEAR = 4
"""Pixels within which a leader line passes a marker."""


class Label(NamedTuple):
    """A text that may stand beside any of `spots` (x, y) of the axes; the leader line has the colour, the text is black."""

    text: str
    spots: tuple[tuple[float, float], ...]
    colour: str


class Obstacle(NamedTuple):
    """A point (x, y) of the axes that labels should not cover, the cost of covering it, and the text of its own label."""

    x: float
    y: float
    cost: float
    owner: str = ""


class _Occupied(NamedTuple):
    """What labels should not cover, in pixels: obstacles (n, 2) with costs and owners, and the labels placed so far."""

    axes: Bbox
    points: numpy.ndarray
    costs: numpy.ndarray
    owners: numpy.ndarray
    taken: list[Bbox]


def place(axes: Axes, labels: Sequence[Label], obstacles: Sequence[Obstacle], taken: Sequence[Bbox]) -> list[Annotation]:
    """Place labels beside their points, greedily and from the top down; `taken` are boxes of other texts, in pixels."""
    figure = axes.figure
    assert isinstance(figure, Figure), "these figures have no subfigures"
    renderer = FigureCanvasAgg(figure).get_renderer()
    points = axes.transData.transform([(one.x, one.y) for one in obstacles])
    costs, owners = numpy.array([one.cost for one in obstacles]), numpy.array([one.owner for one in obstacles])
    occupied = _Occupied(axes.bbox, points, costs, owners, [*taken])
    placed: list[Annotation] = []
    for label in sorted(labels, key=lambda label: (-label.spots[0][1], label.spots[0][0], label.text)):
        note = _note(axes, label)
        extent = Text.get_window_extent(note, renderer)
        options = [
            _option(axes, spot, angle, distance, extent, figure.dpi)
            for distance in DISTANCES
            for angle in ANGLES
            for spot in label.spots
        ]
        best = min(options, key=lambda option: _price(option, label, occupied))  # the first of the cheapest
        _put(note, best)
        occupied.taken.append(best.box)
        placed.append(note)
    return placed


def _note(axes: Axes, label: Label) -> Annotation:
    lead = {"arrowstyle": "-", "color": label.colour, "linewidth": 0.8, "shrinkA": 1, "shrinkB": 4}
    note = axes.annotate(label.text, label.spots[0], (0, 0), textcoords="offset points", arrowprops=lead)
    note.set_bbox({"facecolor": "white", "alpha": 0.7, "pad": 0.5, "linewidth": 0})  # interval bars may pass underneath
    note.set_in_layout(False)
    return note


class _Option(NamedTuple):
    """A place for a label: its point, the offset in typographic points, and in pixels the label's box and the labelled point."""

    spot: tuple[float, float]
    distance: float
    offset: tuple[float, float]
    sides: tuple[str, str]
    box: Bbox
    target: numpy.ndarray


SIDES = {"left": 0.0, "bottom": 0.0, "center": 0.5, "right": 1.0, "top": 1.0}
"""The fraction of the text's width or height that lies before its anchor."""


def _option(axes: Axes, spot: tuple[float, float], angle: float, distance: float, extent: Bbox, dpi: float) -> _Option:
    """Return the place at an angle and distance, anchored at the side of the text that faces the point."""
    along, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    across = "left" if along > 0.2 else "right" if along < -0.2 else "center"
    upright = "bottom" if up > 0.7 else "top" if up < -0.7 else "center"
    target = axes.transData.transform(spot)
    x = target[0] + distance * along * dpi / 72 - SIDES[across] * extent.width
    y = target[1] + distance * up * dpi / 72 - SIDES[upright] * extent.height
    box = Bbox.from_bounds(x, y, extent.width, extent.height).padded(2)
    return _Option(spot, distance, (distance * along, distance * up), (across, upright), box, target)


def _put(note: Annotation, option: _Option) -> None:
    across, upright = option.sides
    note.xy = option.spot
    note.set(position=option.offset, horizontalalignment=across, verticalalignment=upright)
    if note.arrow_patch:
        note.arrow_patch.set_visible(option.distance > LED)


def _price(option: _Option, label: Label, occupied: _Occupied) -> float:
    """Return the cost of a place: what it covers, what is outside the axes, its distance, and others' markers that are nearer."""
    box, target = option.box, option.target
    sides = (occupied.axes.x0 - box.x0, box.x1 - occupied.axes.x1, occupied.axes.y0 - box.y0, box.y1 - occupied.axes.y1)
    far = _gap(box, occupied.points)
    price = option.distance + OUTSIDE * sum(max(side, 0) for side in sides) + float(occupied.costs[far == 0].sum())
    price += ON_LABEL * sum(box.overlaps(other) for other in occupied.taken)
    rivals = (occupied.owners != "") & (occupied.owners != label.text)
    if option.distance <= LED:
        return price + MISTAKEN * bool((rivals & (far < 1.5 * _gap(box, target[None])[0])).any())
    parts = numpy.linspace(0, 1, 21)[:, None]
    line = target + parts * (numpy.clip(target, box.min, box.max) - target)
    passed = numpy.hypot(*(occupied.points[rivals] - line[:, None]).transpose(2, 0, 1)).min(axis=0) < NEAR
    crossed = sum(bool((_gap(other, line) == 0).any()) for other in occupied.taken)
    return price + LED_COST + float(occupied.costs[rivals][passed].sum()) + ON_LABEL * crossed


def _gap(box: Bbox, points: numpy.ndarray) -> numpy.ndarray:
    """Return the distance (n) of each point (n, 2) from the box; 0 inside."""
    gaps = numpy.maximum(numpy.maximum(box.min - points, points - box.max), 0)
    return numpy.hypot(gaps[:, 0], gaps[:, 1])
