"""Accuracy against one setting, all else equal: the scale of the noise, its layer, or a number of the method's own."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rna_bench.reporting.figures.chains import CHANCE, Chain, Drawn, Missing, Panel, Quantity, drops, panels, quantities
from rna_bench.reporting.figures.style import GREY, NARROW, MethodStyle, Size, fill, key, panel_grid, style_of
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval

ENOUGH = 3
"""The fewest values of a setting that make a curve; two are a comparison, which the tables have."""
SHORT = 20
"""The most characters of curves' names in a legend of two columns."""


@dataclass(frozen=True)
class Axis:
    """The vertical axis of a figure: label, limits, ticks, a dotted line `across`, the panels' quantities, words of the caption."""

    label: str
    limits: tuple[float, float]
    ticks: tuple[float, ...]
    across: float
    shown: Callable[[Sequence[Group]], list[Quantity]]
    caption: str
    legend: str


ACCURACY = Axis(
    "accuracy in %",
    (0, 109),
    (0, 50, 100),
    CHANCE,
    quantities,
    "Accuracy",
    "Arrows show which way is better. Triggers are in retain questions. Hollow: without noise. Dotted: chance; dash-dotted: the "
    "base model.",
)
DROP = Axis(
    "drop beyond control, points",
    (-12, 100),
    (0, 25, 50, 75, 100),
    0,
    drops,
    "Points of retain accuracy that a trigger costs more than its harmless control",
    "Lower is better. Hollow: without noise. Dotted: no drop; dash-dotted: the base model.",
)


@dataclass(frozen=True)
class Curve:
    """Groups that differ in one setting alone, by its value."""

    label: str
    style: MethodStyle
    noisy: bool
    points: tuple[tuple[float, Group], ...]


def by_noise_scale(groups: Sequence[Group]) -> Drawn | Missing:
    """Draw accuracy by noise scale: forget, clean retain, and retain by trigger type."""
    name, here = "noise_scale", panels(groups)
    curves = [[_scales(chain) for chain in panel.chains if len(chain.members) >= ENOUGH] for panel in here]
    if not any(curves):
        return Missing(name, f"no method was run at {ENOUGH} or more scales of noise, all else equal")
    units = dict.fromkeys(group.noise_unit for panel in here for chain in panel.chains for group in chain.noisy)
    return _drawn(name, f"standard deviation of the noise ({' or '.join(units)})", here, curves, ACCURACY)


def _scales(chain: Chain) -> Curve:
    return Curve(chain.label, chain.style, True, tuple((max(group.scale, 0), group) for group in chain.members))


def by_noise_layer(groups: Sequence[Group]) -> Drawn | Missing:
    """Draw accuracy by the layer of the noise, with a curve for each noise scale."""
    noisy = [group for group in groups if group.scale > 0]
    return _varied("noise_layer", "noise.layer", "layer that the noise is added to", noisy, groups)


def coefficients(groups: Sequence[Group]) -> list[Drawn | Missing]:
    """Draw a figure for each numeric setting of the methods that varies, such as the steering coefficient."""
    flats = [group.flat for group in groups if group.unlearned]
    keys = sorted({key for flat in flats for key, value in flat.items() if key.startswith("method.") and _number(value)})
    figures = [_varied(key.replace(".", "_"), key, key.removeprefix("method.").replace("_", " "), groups, groups) for key in keys]
    drawn: list[Drawn | Missing] = [one for one in figures if isinstance(one, Drawn)]
    return drawn or [
        Missing(
            "method_settings", f"no number of a method's settings (steering coefficient, ...) has {ENOUGH} values, all else equal"
        )
    ]


def by_stray_share(groups: Sequence[Group]) -> Drawn | Missing:
    """Draw the drop beyond control by the share of stray mentions in the forget text, for each trigger type."""
    unlearned = [group for group in groups if group.unlearned]
    label = "share of forget texts in which a forget-token stands alone"
    return _varied("forget_text", "corpus.stray_share", label, unlearned, groups, DROP)


def _varied(
    name: str, setting: str, label: str, chosen: Sequence[Group], groups: Sequence[Group], axis: Axis | None = None
) -> Drawn | Missing:
    """Draw curves of the `chosen` groups over a setting; `groups` are all groups, which determine panels and styles."""
    here = panels(groups)
    curves = [_curves(panel, setting, chosen, groups) for panel in here]
    if not any(curves):
        return Missing(name, f"`{setting}` does not have {ENOUGH} values, all else equal")
    return _drawn(name, label, here, curves, axis or ACCURACY)


def _curves(panel: Panel, setting: str, chosen: Sequence[Group], groups: Sequence[Group]) -> list[Curve]:
    """Return a curve for each set of groups that differ in the setting alone."""
    buckets: dict[str, list[tuple[float, Group]]] = {}
    members = [group for chain in panel.chains for group in chain.members]
    for group in chosen:
        flat = group.flat
        if any(group is member for member in members) and _number(flat.get(setting)):
            rest = json.dumps(sorted((key, value) for key, value in flat.items() if key not in (setting, "seed")))
            buckets.setdefault(rest, []).append((float(flat[setting]), group))
    long_enough = [sorted(points, key=lambda point: point[0]) for points in buckets.values() if len(points) >= ENOUGH]
    methods = [group.method for group in groups]
    several = len(long_enough) > len({points[0][1].method for points in long_enough})
    return [_curve(points, style_of(points[0][1].method, methods), several=several) for points in long_enough]


def _curve(points: Sequence[tuple[float, Group]], style: MethodStyle, *, several: bool) -> Curve:
    """Return a curve; its label names the noise where a method has several curves."""
    group = points[0][1]
    noise = f", noise {group.noise}" if group.scale > 0 else ", without noise"
    return Curve(style.label + noise * several, style, group.scale > 0, tuple(points))


ROTATION = tuple(style_of(method, ()) for method in ("rmu", "adaptive_rmu", "rsv", "npo_kl", "dpo_kl", "simnpo_kl"))


def _apart(curves: Sequence[Sequence[Curve]]) -> list[list[Curve]]:
    """Return curves with a different style for each label; where a method has several labels, styles are assigned in rotation."""
    styles = {curve.label: curve.style for own in curves for curve in own}
    if len({style.marker for style in styles.values()}) < len(styles):
        styles = {label: ROTATION[place % len(ROTATION)] for place, label in enumerate(styles)}
    return [[replace(curve, style=styles[curve.label]) for curve in own] for own in curves]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _drawn(name: str, label: str, here: Sequence[Panel], curves: Sequence[Sequence[Curve]], axis: Axis) -> Drawn:
    """Draw a panel for each quantity and model, with its curves."""
    filled = [(panel, own) for panel, own in zip(here, _apart(curves), strict=True) if own]
    shown = axis.shown([group for _, own in filled for curve in own for _, group in curve.points])
    columns = min(2, len(shown))
    deep = -(-len(shown) // columns)
    figure, grid = panel_grid(deep * len(filled), columns, Size(NARROW, 1.15, 0.7))
    for row, (panel, own) in enumerate(filled):
        cells = [axes for line in grid[row * deep : (row + 1) * deep] for axes in line]
        for axes, quantity in zip(cells, shown, strict=False):
            _panel(axes, quantity, panel, own, axis)
            axes.set_title(f"{panel.title}\n{quantity.label}" if len(filled) > 1 else quantity.label, fontsize=7)
        for axes in cells[len(shown) :]:
            axes.remove()
    figure.supxlabel(label, fontsize=8)
    figure.supylabel(axis.label, fontsize=8)
    keys = _keys([curve for _, own in filled for curve in own])
    across = 2 if max(len(str(one.get_label())) for one in keys) < SHORT else 1
    figure.legend(handles=keys, loc="outside upper center", ncols=across, fontsize=7.5, borderpad=0, labelspacing=0.3)
    caption = f"{axis.caption} against the {label}: means and 95% intervals over seeds (bands). {axis.legend}"
    return Drawn(name, caption, figure)


def _panel(axes: Axes, quantity: Quantity, panel: Panel, own: Sequence[Curve], axis: Axis) -> None:
    axes.set(ylim=axis.limits, yticks=axis.ticks)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=all(value == int(value) for one in own for value, _ in one.points)))
    axes.axhline(axis.across, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
    if panel.base and quantity.defined(panel.base):
        axes.axhline(quantity.over_seeds(panel.base).mean, color=GREY, linewidth=0.8, linestyle="-.", zorder=0)
    for curve in own:
        points = [(x, group, quantity.over_seeds(group)) for x, group in curve.points if quantity.defined(group)]
        _line(axes, curve, points)


def _line(axes: Axes, curve: Curve, points: Sequence[tuple[float, Group, Interval]]) -> None:
    """Draw a curve with its band; points without noise are hollow."""
    style, xs = curve.style, [x for x, _, _ in points]
    axes.plot(xs, [value.mean for _, _, value in points], color=style.colour, zorder=2)
    for x, group, value in points:
        axes.plot([x], [value.mean], linestyle="", markersize=4.5, zorder=3, **fill(style, noisy=group.scale > 0))
    low, high = ([value.ends[side] for _, _, value in points] for side in (0, 1))
    axes.fill_between(xs, low, high, color=style.colour, alpha=0.18, linewidth=0, zorder=1)
    for edge in (low, high):
        axes.plot(xs, edge, color=style.colour, linewidth=0.4, linestyle="--", zorder=1)


def _keys(curves: Sequence[Curve]) -> list:
    entries = {curve.label: curve for curve in curves}
    return [key(label, color=one.style.colour, **fill(one.style, noisy=one.noisy)) for label, one in entries.items()]
