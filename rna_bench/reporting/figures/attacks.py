"""What attacks recover: accuracy on facts that they never saw, along their budget, or layer by layer."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple, TypeAlias

from matplotlib.axes import Axes

from rna_bench.reporting.figures.chains import CHANCE, Drawn
from rna_bench.reporting.figures.style import GREY, INK, NARROW, WIDE, Size, fill, key, panel_grid, style_of
from rna_bench.reporting.statistics.attacks import AttackKey, RecoveredRun, along_budget, by_seed
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval
from rna_bench.runs.attack_record import LAYER

LINES = ("-", (0, (4, 1)), (0, (2, 1)), (0, (1, 1)))
"""Of one method's settings, in their order."""
APART = 0.17
"""The least distance of two ticks with a label, as a share of the axis."""
READING = (
    "Means and 95% intervals over seeds (of one seed, over questions). Hollow: without noise, filled: with it. Black: the base "
    "model, dash-dotted, and a model that was never told the facts, dashed, if there is one; dotted: chance."
)
ALONG = (
    "Accuracy on facts that the attack never saw, by what it has spent of its budget (on the scale log2(1 + budget)), a row for "
    "each attack and a column for each noise. "
)
LAYERS = "Accuracy on facts that the attack never saw, as it is read off after each layer, a column for each noise. "

Attacked: TypeAlias = Mapping[str, RecoveredRun]


@dataclass(frozen=True)
class AttackRow:
    """A row of panels: an attack on the groups of a model. `course` has a group's accuracies by place on the axis."""

    title: str
    label: str
    groups: Sequence[Group]
    course: Callable[[Group], dict[float, Interval]]
    ticks: Mapping[float, str]


class Look(NamedTuple):
    """A label in the legend, and settings of a line."""

    label: str
    line: Mapping[str, Any]


def attack_figures(groups: Sequence[Group], attacked: Attacked) -> list[Drawn]:
    """Return a figure of the attacks that have several budgets, and one of those that read single layers."""
    keys = sorted({one for run in attacked.values() for one in run.by_attack})
    several = [one for one in keys if len(_budgets(one, attacked)) > 1]
    layers = [one for one in keys if one not in several and re.fullmatch(rf"{LAYER}\d+", one.variant)]
    once = [list(some) for _, some in groupby(layers, key=lambda one: one[:2])]
    models = [list(some) for _, some in groupby(groups, key=lambda group: (group.model, group.dtype))]
    along = [_along(one, some, attacked) for some in models for one in several]
    by_layer = [_by_layer(some, own, attacked) for own in models for some in once]
    figures = [("attacks", ALONG, along), ("attacks_layers", LAYERS, by_layer)]
    drawn = [(name, caption, [_titled(row, models) for row in rows if _attacked(row)]) for name, caption, rows in figures]
    return [_drawn(name, caption + READING, rows) for name, caption, rows in drawn if rows]


def _budgets(one: AttackKey, attacked: Attacked) -> list[int]:
    return sorted({budget for run in attacked.values() if one in run.by_attack for budget in run.by_attack[one].budgets})


def _along(one: AttackKey, groups: Sequence[Group], attacked: Attacked) -> AttackRow:
    def course(group: Group) -> dict[float, Interval]:
        runs = by_seed(one, group, attacked)
        return {math.log2(1 + budget): accuracy for budget, accuracy in along_budget(runs).items()} if runs else {}

    ticks = {math.log2(1 + budget): str(budget) for budget in _budgets(one, attacked)}
    return AttackRow(one.label, "budget", groups, course, _apart(ticks))


def _by_layer(keys: Sequence[AttackKey], groups: Sequence[Group], attacked: Attacked) -> AttackRow:
    """Return a row of an attack that reads layers one by one."""
    ordered = {float(one.variant.removeprefix(LAYER)): one for one in keys}

    def course(group: Group) -> dict[float, Interval]:
        runs = {layer: by_seed(ordered[layer], group, attacked) for layer in sorted(ordered)}
        return {layer: next(iter(along_budget(own).values())) for layer, own in runs.items() if own}

    return AttackRow(keys[0].attack, "layer", groups, course, _apart({layer: f"{layer:g}" for layer in sorted(ordered)}))


def _apart(ticks: Mapping[float, str]) -> dict[float, str]:
    """Return the ticks whose labels do not run into each other."""
    kept: dict[float, str] = {}
    for place, text in ticks.items():
        if not kept or place - max(kept) >= APART * (max(ticks) - min(ticks)):
            kept[place] = text
    return kept


def _attacked(row: AttackRow) -> bool:
    return any(row.course(group) for group in row.groups)


def _titled(row: AttackRow, models: Sequence[Sequence[Group]]) -> AttackRow:
    return replace(row, title=f"{row.title}\n{row.groups[0].model}".strip()) if len(models) > 1 else row


def _shown_with(group: Group, noise: str) -> bool:
    return _is_reference(group) or _noise(group) == noise


def _is_reference(group: Group) -> bool:
    return not group.unlearned or group.gold


def _noises(rows: Sequence[AttackRow]) -> list[str]:
    """Return the labels of the noises that are attacked, of rising scale; one is enough for the references alone."""
    scales = {
        (max(group.scale, 0.0), _noise(group))
        for row in rows
        for group in row.groups
        if not _is_reference(group) and row.course(group)
    }
    return [noise for _, noise in sorted(scales)] or ["0"]


def _noise(group: Group) -> str:
    return group.noise if group.scale > 0 else "0"


def _drawn(name: str, caption: str, rows: Sequence[AttackRow]) -> Drawn:
    noises = _noises(rows)
    shown = sorted((group for row in rows for group in row.groups if row.course(group)), key=_is_reference, reverse=True)
    looks = _looks(shown)
    figure, grid = panel_grid(
        len(rows), len(noises), Size(WIDE if len(noises) > 1 else NARROW, 1.35, 0.8), sharex="row", sharey=True
    )
    for line, row in zip(grid, rows, strict=True):
        for axes, noise in zip(line, noises, strict=True):
            _panel(axes, row, noise, looks)
        line[0].set_ylabel(row.title, fontsize=6.5, fontweight="bold")
        line[len(line) // 2].set_xlabel(row.label, fontsize=7)
    for axes, noise in zip(grid[0], noises, strict=True):
        axes.set_title("no noise" if noise == "0" else noise, fontsize=7.5)
    figure.supylabel("accuracy on facts not retaught, %", fontsize=7)
    entries = {look.label: key(look.label, **{**look.line, "markerfacecolor": look.line["color"]}) for look in looks.values()}
    columns = min(len(entries), 4 if len(noises) > 1 else 2)
    figure.legend(handles=list(entries.values()), loc="outside upper center", ncols=columns, fontsize=7)
    return Drawn(name, caption, figure)


def _panel(axes: Axes, row: AttackRow, noise: str, looks: Mapping[int, Look]) -> None:
    axes.axhline(CHANCE, color=GREY, linestyle=":", linewidth=0.8)
    ordered = sorted(row.groups, key=_is_reference, reverse=True)
    shown = [(group, course) for group in ordered if (course := row.course(group)) and _shown_with(group, noise)]
    for group, course in shown:
        line, means = looks[id(group)].line, [accuracy.mean for accuracy in course.values()]
        low, high = ([accuracy.ends[side] for accuracy in course.values()] for side in (0, 1))
        axes.plot([*course], means, linewidth=0.9, markersize=3.5, **line)
        axes.fill_between([*course], low, high, color=line["color"], alpha=0.12, linewidth=0)
    axes.set_ylim(0, 102)
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.set_xticks([*row.ticks], [*row.ticks.values()])
    axes.tick_params(labelsize=7)


def _looks(groups: Sequence[Group]) -> dict[int, Look]:
    """Return how each group is drawn, by its id: colour and marker are the method's, the dashes are those of its settings."""
    methods = sorted({group.method for group in groups if group.unlearned})
    settings: dict[str, list[str]] = {}
    for group in groups:
        if group.settings not in settings.setdefault(group.method, []):
            settings[group.method].append(group.settings)
    return {id(group): _look(group, methods, settings[group.method]) for group in groups}


def _look(group: Group, methods: Sequence[str], settings: Sequence[str]) -> Look:
    if _is_reference(group):
        label = group.method.replace("_", " ") if group.unlearned else "base model"
        return Look(label, {"color": INK, "linestyle": "--" if group.unlearned else "-."})
    style = style_of(group.method, methods)
    label = f"{style.label}, {group.settings}" if len(settings) > 1 and group.settings else style.label
    dashes = LINES[settings.index(group.settings) % len(LINES)]
    return Look(label, {"color": style.colour, "linestyle": dashes, **fill(style, noisy=group.scale > 0)})
