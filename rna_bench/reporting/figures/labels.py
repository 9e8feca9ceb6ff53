"""Labels beside their points: each where it covers least of what is drawn and of the labels before it."""

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
"""Points of typography between a point and its label; beyond `LED` a line leads there."""
LED = 11
LED_COST, MISTAKEN, ON_LABEL, OUTSIDE, NEAR = 25, 150, 1000, 50, 4
"""Costs of a leading line, of others' markers nearer than one's own, of a label on a label, and of a pixel outside; pixels."""


class Label(NamedTuple):
    """A text that belongs to any of some points (x, y) of the axes; the line that leads there has the colour, the text is black."""

    text: str
    spots: tuple[tuple[float, float], ...]
    colour: str


class Obstacle(NamedTuple):
    """A point (x, y) of the axes that labels should not cover, what covering it costs, and the text of its own label."""

    x: float
    y: float
    cost: float
    owner: str = ""


class _Room(NamedTuple):
    """What is in the way, in pixels: obstacles (n, 2), what each costs, their owners, and the labels that are placed."""

    axes: Bbox
    points: numpy.ndarray
    costs: numpy.ndarray
    owners: numpy.ndarray
    taken: list[Bbox]


def place(axes: Axes, labels: Sequence[Label], obstacles: Sequence[Obstacle], taken: Sequence[Bbox]) -> list[Annotation]:
    """Put labels beside their points, greedily and from the top down; `taken` are boxes of other texts, in pixels."""
    figure = axes.figure
    assert isinstance(figure, Figure), "figures here have no figures within"
    renderer = FigureCanvasAgg(figure).get_renderer()
    points = axes.transData.transform([(one.x, one.y) for one in obstacles])
    costs, owners = numpy.array([one.cost for one in obstacles]), numpy.array([one.owner for one in obstacles])
    room = _Room(axes.bbox, points, costs, owners, [*taken])
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
        best = min(options, key=lambda option: _price(option, label, room))  # the first of those that cost as little
        _put(note, best)
        room.taken.append(best.box)
        placed.append(note)
    return placed


def _note(axes: Axes, label: Label) -> Annotation:
    lead = {"arrowstyle": "-", "color": label.colour, "linewidth": 0.8, "shrinkA": 1, "shrinkB": 4}
    note = axes.annotate(label.text, label.spots[0], (0, 0), textcoords="offset points", arrowprops=lead)
    note.set_bbox({"facecolor": "white", "alpha": 0.7, "pad": 0.5, "linewidth": 0})  # interval bars may run below
    note.set_in_layout(False)
    return note


class _Option(NamedTuple):
    """A place for a label: its point, the offset from it in points of typography, and in pixels the box and the labelled point."""

    spot: tuple[float, float]
    distance: float
    offset: tuple[float, float]
    sides: tuple[str, str]
    box: Bbox
    target: numpy.ndarray


SIDES = {"left": 0.0, "bottom": 0.0, "center": 0.5, "right": 1.0, "top": 1.0}
"""Which part of the text's width or height lies before its offset."""


def _option(axes: Axes, spot: tuple[float, float], angle: float, distance: float, extent: Bbox, dpi: float) -> _Option:
    """Return the place at an angle and distance; the side of the text that is nearest to the point looks at it."""
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


def _price(option: _Option, label: Label, room: _Room) -> float:
    """Return what a place costs: what it covers, what is outside, its distance, and markers of others nearer than its own."""
    box, target = option.box, option.target
    sides = (room.axes.x0 - box.x0, box.x1 - room.axes.x1, room.axes.y0 - box.y0, box.y1 - room.axes.y1)
    far = _gap(box, room.points)
    price = option.distance + OUTSIDE * sum(max(side, 0) for side in sides) + float(room.costs[far == 0].sum())
    price += ON_LABEL * sum(box.overlaps(other) for other in room.taken)
    rivals = (room.owners != "") & (room.owners != label.text)
    if option.distance <= LED:
        return price + MISTAKEN * bool((rivals & (far < 1.5 * _gap(box, target[None])[0])).any())
    parts = numpy.linspace(0, 1, 21)[:, None]
    line = target + parts * (numpy.clip(target, box.min, box.max) - target)
    passed = numpy.hypot(*(room.points[rivals] - line[:, None]).transpose(2, 0, 1)).min(axis=0) < NEAR
    crossed = sum(bool((_gap(other, line) == 0).any()) for other in room.taken)
    return price + LED_COST + float(room.costs[rivals][passed].sum()) + ON_LABEL * crossed


def _gap(box: Bbox, points: numpy.ndarray) -> numpy.ndarray:
    """Return the distance of each point (n, 2) from the box, (n); 0 inside."""
    gaps = numpy.maximum(numpy.maximum(box.min - points, points - box.max), 0)
    return numpy.hypot(gaps[:, 0], gaps[:, 1])
