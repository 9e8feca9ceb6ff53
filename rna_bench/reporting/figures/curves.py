"""Accuracy against one setting, all else equal: the scale of the noise, its layer, or a number of the method's own."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rna_bench.reporting.figures.chains import CHANCE, Chain, Drawn, Measure, Missing, Panel, measures, over_seeds, panels
from rna_bench.reporting.figures.style import GREY, NARROW, Look, Size, fill, key, look_of, sheet
from rna_bench.reporting.statistics.frame import Group, shared_config
from rna_bench.reporting.statistics.intervals import Interval

ENOUGH = 3
"""Values of a setting that make a curve; two are a comparison, which the tables hold."""
SHORT = 20
"""Letters of a curve's name with which two stand side by side."""


@dataclass(frozen=True)
class Curve:
    """Groups that differ in one setting alone, by its value."""

    label: str
    look: Look
    noisy: bool
    points: tuple[tuple[float, Group], ...]


def noise_scale(found: Sequence[Group]) -> Drawn | Missing:
    """Draw what each scale of noise leaves: forget, clean retain and retain accuracy by kind of trigger."""
    name, here = "noise_scale", panels(found)
    curves = [[_scales(chain) for chain in panel.chains if len(chain.members) >= ENOUGH] for panel in here]
    if not any(curves):
        return Missing(name, f"no method was run at {ENOUGH} or more scales of noise, all else equal")
    units = dict.fromkeys(group.noise.partition(" ")[2] for panel in here for chain in panel.chains for group in chain.noisy)
    return _drawn(name, f"standard deviation of the noise ({' or '.join(units)})", here, curves)


def _scales(chain: Chain) -> Curve:
    return Curve(chain.label, chain.look, True, tuple((max(group.scale, 0), group) for group in chain.members))


def noise_layer(found: Sequence[Group]) -> Drawn | Missing:
    """Draw what noise at each layer leaves, a curve a scale."""
    noisy = [group for group in found if group.scale > 0]
    return _varied("noise_layer", "noise.layer", "layer that the noise is added to", noisy, found)


def coefficients(found: Sequence[Group]) -> list[Drawn | Missing]:
    """Draw a figure for each number among the methods' own settings that varies, such as the steering coefficient."""
    flats = [shared_config(group) for group in found if group.unlearned]
    keys = sorted({key for flat in flats for key, value in flat.items() if key.startswith("method.") and _number(value)})
    made = [_varied(key.replace(".", "_"), key, key.removeprefix("method.").replace("_", " "), found, found) for key in keys]
    drawn: list[Drawn | Missing] = [one for one in made if isinstance(one, Drawn)]
    return drawn or [
        Missing("method_settings", f"no number of a method's own (steering coefficient, ...) has {ENOUGH} values, all else equal")
    ]


def _varied(name: str, setting: str, label: str, chosen: Sequence[Group], found: Sequence[Group]) -> Drawn | Missing:
    """Draw curves over a setting; `found` are all groups, whose models and methods give panels and looks."""
    here = panels(found)
    curves = [_curves(panel, setting, chosen, found) for panel in here]
    if not any(curves):
        return Missing(name, f"`{setting}` does not have {ENOUGH} values, all else equal")
    return _drawn(name, label, here, curves)


def _curves(panel: Panel, setting: str, chosen: Sequence[Group], found: Sequence[Group]) -> list[Curve]:
    """Return a curve for each set of groups that are equal in all but the setting and the seed."""
    buckets: dict[str, list[tuple[float, Group]]] = {}
    members = [group for chain in panel.chains for group in chain.members]
    for group in chosen:
        flat = shared_config(group)
        if any(group is member for member in members) and _number(flat.get(setting)):
            rest = json.dumps(sorted((key, value) for key, value in flat.items() if key not in (setting, "seed")))
            buckets.setdefault(rest, []).append((float(flat[setting]), group))
    kept = [sorted(points, key=lambda point: point[0]) for points in buckets.values() if len(points) >= ENOUGH]
    methods = [group.method for group in found]
    several = len(kept) > len({points[0][1].method for points in kept})
    return [_curve(points, look_of(points[0][1].method, methods), several=several) for points in kept]


def _curve(points: Sequence[tuple[float, Group]], look: Look, *, several: bool) -> Curve:
    """Return a curve; where a method has several, its noise is said, too."""
    group = points[0][1]
    noise = f", noise {group.noise}" if group.scale > 0 else ", without noise"
    return Curve(look.label + noise * several, look, group.scale > 0, tuple(points))


ROTATION = tuple(look_of(method, ()) for method in ("rmu", "adaptive_rmu", "rsv", "npo_kl", "dpo_kl", "simnpo_kl"))


def _apart(curves: Sequence[Sequence[Curve]]) -> list[list[Curve]]:
    """Return curves of which no two of different names look the same: where a method has several, looks go round."""
    looks = {curve.label: curve.look for own in curves for curve in own}
    if len({look.marker for look in looks.values()}) < len(looks):
        looks = {label: ROTATION[place % len(ROTATION)] for place, label in enumerate(looks)}
    return [[replace(curve, look=looks[curve.label]) for curve in own] for own in curves]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _drawn(name: str, label: str, here: Sequence[Panel], curves: Sequence[Sequence[Curve]]) -> Drawn:
    """Draw a column a measure and a row a model, with its curves."""
    kept = [(panel, own) for panel, own in zip(here, _apart(curves), strict=True) if own]
    shown = measures([group for _, own in kept for curve in own for _, group in curve.points])
    columns = min(2, len(shown))
    deep = -(-len(shown) // columns)
    figure, grid = sheet(deep * len(kept), columns, Size(NARROW, 1.15, 0.7))
    for row, (panel, own) in enumerate(kept):
        cells = [axes for line in grid[row * deep : (row + 1) * deep] for axes in line]
        for axes, measure in zip(cells, shown, strict=False):
            _panel(axes, measure, panel, own, title=panel.title if len(kept) > 1 else "")
        for axes in cells[len(shown) :]:
            axes.remove()
    figure.supxlabel(label, fontsize=8)
    figure.supylabel("accuracy in %", fontsize=8)
    keys = _keys([curve for _, own in kept for curve in own])
    across = 2 if max(len(str(one.get_label())) for one in keys) < SHORT else 1
    figure.legend(handles=keys, loc="outside upper center", ncols=across, fontsize=7.5, borderpad=0, labelspacing=0.3)
    caption = (
        f"Accuracy against the {label}: means and 95% intervals over seeds (bands). Arrows say which way is better. Triggers stand "
        "in retain questions. Hollow: without noise. Dotted: chance; dash-dotted: the base model."
    )
    return Drawn(name, caption, figure)


def _panel(axes: Axes, measure: Measure, panel: Panel, own: Sequence[Curve], title: str) -> None:
    axes.set_title(f"{title}\n{measure.label}" if title else measure.label, fontsize=7)
    axes.set(ylim=(0, 109), yticks=(0, 50, 100))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=all(value == int(value) for one in own for value, _ in one.points)))
    axes.axhline(CHANCE, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
    if panel.base and measure.known(panel.base):
        axes.axhline(over_seeds(panel.base, measure.value).mean, color=GREY, linewidth=0.8, linestyle="-.", zorder=0)
    for curve in own:
        _line(axes, curve, [(x, group, over_seeds(group, measure.value)) for x, group in curve.points if measure.known(group)])


def _line(axes: Axes, curve: Curve, points: Sequence[tuple[float, Group, Interval]]) -> None:
    """Draw a curve with its band; points without noise are hollow."""
    look, xs = curve.look, [x for x, _, _ in points]
    axes.plot(xs, [value.mean for _, _, value in points], color=look.colour, zorder=2)
    for x, group, value in points:
        axes.plot([x], [value.mean], linestyle="", markersize=4.5, zorder=3, **fill(look, noisy=group.scale > 0))
    low, high = ([value.mean + side * (value.half or 0) for _, _, value in points] for side in (-1, 1))
    axes.fill_between(xs, low, high, color=look.colour, alpha=0.18, linewidth=0, zorder=1)
    for edge in (low, high):
        axes.plot(xs, edge, color=look.colour, linewidth=0.4, linestyle="--", zorder=1)


def _keys(curves: Sequence[Curve]) -> list:
    entries = {curve.label: curve for curve in curves}
    return [key(label, color=one.look.colour, **fill(one.look, noisy=one.noisy)) for label, one in entries.items()]
