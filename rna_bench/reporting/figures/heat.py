"""Heat maps of accuracy by the layer and the scale of the noise."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy
from matplotlib.axes import Axes

from rna_bench.reporting.figures.chains import (
    CHANCE,
    Drawn,
    Missing,
    Quantity,
    common_trigger_types,
    panels,
    perturbed,
    quantities,
)
from rna_bench.reporting.figures.style import NARROW, WIDE, Size, panel_grid, style_of
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval, Over
from rna_bench.reporting.statistics.pairs import baselines

NAME = "layer_scale"
MANY = 5
"""The most scales of a map of one column's width."""


class HeatMap(NamedTuple):
    """A method's groups by layer and scale of the noise, and its no-noise baseline."""

    title: str
    unit: str
    cells: Mapping[tuple[int, float], Group]
    plain: Group | None

    @property
    def layers(self) -> list[int]:
        """The layers of the noise, in ascending order."""
        return sorted({layer for layer, _ in self.cells})

    @property
    def scales(self) -> list[float]:
        """The noise scales, in ascending order."""
        return sorted({scale for _, scale in self.cells})


def layer_scale(groups: Sequence[Group]) -> Drawn | Missing:
    """Draw forget, clean retain and perturbed accuracy by layer and scale of the noise, with a column for each method."""
    maps = [one for one in _maps(groups) if len(one.layers) > 1 and len(one.scales) > 1]
    if not maps:
        return Missing(NAME, "no method was run with several scales of noise at several layers, all else equal")
    shown_groups = [group for one in maps for group in (*one.cells.values(), *((one.plain,) if one.plain else ()))]
    shown = _measures(shown_groups)
    height = 0.75 + 0.3 * max(len(one.layers) for one in maps)
    columns = min(len(maps), 2)
    bands = -(-len(maps) // columns)
    width = WIDE if columns > 1 or max(len(one.scales) for one in maps) > MANY else NARROW
    figure, grid = panel_grid(bands * len(shown), columns, Size(width, height), sharex=False, sharey=False)
    for place, one in enumerate(maps):
        for row, quantity in enumerate(shown):
            _draw(grid[place // columns * len(shown) + row][place % columns], one, quantity, _range(shown_groups, quantity))
    for axes in (row[-1] for row in grid[(bands - 1) * len(shown) :] if len(maps) % columns):
        axes.remove()
    caption = (
        "Accuracy in percent by the layer that noise is added to and its standard deviation, with the 95% interval "
        "over seeds, where these differ; perturbed: the mean over trigger types. Arrows show which way is better; light is high."
    )
    return Drawn(NAME, caption, figure)


def _maps(groups: Sequence[Group]) -> list[HeatMap]:
    """Return a map for each set of groups that differ in the scale and single layer of their noise alone."""
    here = panels(groups)
    titles = {id(group): panel.title for panel in here for chain in panel.chains for group in chain.members}
    cells: dict[tuple[str, str], dict[tuple[int, float], Group]] = {}
    for group in (group for group in groups if group.scale > 0 and isinstance(group.flat.get("noise.layer"), int | float)):
        layer = int(group.flat["noise.layer"])
        cells.setdefault((group.baseline_key, group.noise_unit), {})[layer, group.scale] = group
    methods = [group.method for group in groups]
    plain = baselines(groups)
    maps: list[HeatMap] = []
    for (key, unit), own in cells.items():
        one = next(iter(own.values()))
        title = style_of(one.method, methods).label
        title = f"{titles[id(one)]}, {title}" if len(here) > 1 else title
        maps.append(HeatMap(title, unit, own, plain.get(key)))
    return maps


def _measures(shown_groups: Sequence[Group]) -> list[Quantity]:
    trigger_types = common_trigger_types(shown_groups)
    whole = [quantity for quantity in quantities(shown_groups) if "trigger" not in quantity.label]
    mean = [Quantity("perturbed ↑", perturbed(trigger_types), lambda group: True)] if trigger_types else []
    return [quantity for quantity in (*mean, *whole) if all(quantity.defined(group) for group in shown_groups)]


def _range(shown_groups: Sequence[Group], quantity: Quantity) -> tuple[float, float]:
    """Return the multiples of ten around all values, at least 20 points apart: the ends of one colour scale for all methods."""
    values = [quantity.over_seeds(group).mean for group in shown_groups] + [CHANCE] * quantity.label.startswith("forget")
    low, high = numpy.floor(min(values) / 10) * 10, numpy.ceil(max(values) / 10) * 10
    return float(min(low, 80)), float(max(high, low + 20))


def _draw(axes: Axes, one: HeatMap, quantity: Quantity, ends: tuple[float, float]) -> None:
    cells = [[one.cells.get((layer, scale)) for scale in one.scales] for layer in one.layers]
    values = [[quantity.over_seeds(group) if group else None for group in row] for row in cells]
    shades = numpy.array([[numpy.nan if value is None else value.mean for value in row] for row in values])
    axes.imshow(shades, cmap="cividis", vmin=ends[0], vmax=ends[1], aspect="auto", origin="lower")
    without = f"; without noise: {quantity.over_seeds(one.plain).mean:.0f}" if one.plain else ""
    axes.set_title(f"{one.title}\n{quantity.label}{without}", fontsize=7.5)
    axes.set(xlabel=f"noise ({one.unit})", ylabel="layer")
    axes.set_xticks(range(len(one.scales)), [f"{scale:g}" for scale in one.scales])
    axes.set_yticks(range(len(one.layers)), [str(layer) for layer in one.layers])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for y, row in enumerate(values):
        for x, value in enumerate(row):
            bright = value is not None and value.mean > sum(ends) / 2
            axes.text(
                x, y, _cell_text(value), ha="center", va="center", fontsize=7, color="black" if bright or value is None else "white"
            )


def _cell_text(value: Interval | None) -> str:
    if value is None:
        return "not run"
    return f"{value.mean:.0f}" if value.over is Over.questions else value.text(digits=0).replace(" [", "\n[")
