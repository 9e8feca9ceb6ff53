"""Heat maps of layer x scale: what noise of each scale leaves, at each layer that it was added to."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy
from matplotlib.axes import Axes

from rna_bench.reporting.figures.chains import (
    CHANCE,
    Drawn,
    Measure,
    Missing,
    measures,
    over_seeds,
    panels,
    perturbed,
    shared_kinds,
)
from rna_bench.reporting.figures.style import NARROW, WIDE, Size, look_of, sheet
from rna_bench.reporting.statistics.frame import Group, shared_config
from rna_bench.reporting.statistics.intervals import Interval

NAME = "layer_scale"
ROOMY = 5
"""Scales in a map from which on it takes the whole width."""


class Map(NamedTuple):
    """A method's groups by layer and scale of the noise, and its twin without."""

    title: str
    unit: str
    cells: Mapping[tuple[int, float], Group]
    plain: Group | None

    @property
    def layers(self) -> list[int]:
        return sorted({layer for layer, _ in self.cells})

    @property
    def scales(self) -> list[float]:
        return sorted({scale for _, scale in self.cells})


def layer_scale(found: Sequence[Group]) -> Drawn | Missing:
    """Draw forget, clean retain and perturbed accuracy by layer and scale of the noise, a column a method."""
    maps = [one for one in _maps(found) if len(one.layers) > 1 and len(one.scales) > 1]
    if not maps:
        return Missing(NAME, "no method was run with several scales of noise at several layers, all else equal")
    groups = [group for one in maps for group in (*one.cells.values(), *((one.plain,) if one.plain else ()))]
    shown = _measures(groups)
    height = 0.75 + 0.3 * max(len(one.layers) for one in maps)
    columns = min(len(maps), 2)
    bands = -(-len(maps) // columns)
    width = WIDE if columns > 1 or max(len(one.scales) for one in maps) > ROOMY else NARROW
    figure, grid = sheet(bands * len(shown), columns, Size(width, height), sharex=False, sharey=False)
    for place, one in enumerate(maps):
        for row, measure in enumerate(shown):
            _draw(grid[place // columns * len(shown) + row][place % columns], one, measure, _range(groups, measure))
    for axes in (row[-1] for row in grid[(bands - 1) * len(shown) :] if len(maps) % columns):
        axes.remove()
    caption = (
        "Accuracy in percent by the layer that noise is added to and its standard deviation, with the half width of the 95% "
        "interval over seeds; perturbed: the mean over the kinds of trigger. Arrows say which way is better; light is high."
    )
    return Drawn(NAME, caption, figure)


def _maps(found: Sequence[Group]) -> list[Map]:
    """Return a map for each set of groups that differ in the layer and scale of their noise alone."""
    here = panels(found)
    titles = {id(group): panel.title for panel in here for chain in panel.chains for group in chain.members}
    cells: dict[tuple[str, str], dict[tuple[int, float], Group]] = {}
    for group in (group for group in found if group.scale > 0):
        layer = int(shared_config(group)["noise.layer"])
        cells.setdefault((group.twin, group.noise.partition(" ")[2]), {})[layer, group.scale] = group
    methods = [group.method for group in found]
    maps: list[Map] = []
    for (twin, unit), own in cells.items():
        one = next(iter(own.values()))
        plain = next((group for group in found if group.unlearned and group.scale <= 0 and group.twin == twin), None)
        title = look_of(one.method, methods).label
        title = f"{titles[id(one)]}, {title}" if len(here) > 1 else title
        maps.append(Map(title, unit, own, plain))
    return maps


def _measures(groups: Sequence[Group]) -> list[Measure]:
    kinds = shared_kinds(groups)
    whole = [measure for measure in measures(groups) if "trigger" not in measure.label]
    mean = [Measure("perturbed ↑", perturbed(kinds), lambda group: True)] if kinds else []
    return [measure for measure in (*mean, *whole) if all(measure.known(group) for group in groups)]


def _range(groups: Sequence[Group], measure: Measure) -> tuple[float, float]:
    """Return the tens around all values: one scale of colours for all methods, at least 20 points wide."""
    values = [over_seeds(group, measure.value).mean for group in groups] + [CHANCE] * measure.label.startswith("forget")
    low, high = numpy.floor(min(values) / 10) * 10, numpy.ceil(max(values) / 10) * 10
    return float(min(low, 80)), float(max(high, low + 20))


def _draw(axes: Axes, one: Map, measure: Measure, ends: tuple[float, float]) -> None:
    cells = [[one.cells.get((layer, scale)) for scale in one.scales] for layer in one.layers]
    found = [[over_seeds(group, measure.value) if group else None for group in row] for row in cells]
    shades = numpy.array([[numpy.nan if value is None else value.mean for value in row] for row in found])
    axes.imshow(shades, cmap="cividis", vmin=ends[0], vmax=ends[1], aspect="auto", origin="lower")
    without = f"; without noise: {over_seeds(one.plain, measure.value).mean:.0f}" if one.plain else ""
    axes.set_title(f"{one.title}\n{measure.label}{without}", fontsize=7.5)
    axes.set(xlabel=f"noise ({one.unit})", ylabel="layer")
    axes.set_xticks(range(len(one.scales)), [f"{scale:g}" for scale in one.scales])
    axes.set_yticks(range(len(one.layers)), [str(layer) for layer in one.layers])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for y, row in enumerate(found):
        for x, value in enumerate(row):
            bright = value is not None and value.mean > sum(ends) / 2
            axes.text(
                x, y, _shown(value), ha="center", va="center", fontsize=7, color="black" if bright or value is None else "white"
            )


def _shown(value: Interval | None) -> str:
    if value is None:
        return "not run"
    return f"{value.mean:.0f}" if value.half is None else f"{value.mean:.0f} ± {value.half:.0f}"
