"""What attacks recover of each method, in short: a panel an attack, a line a method, a mark for each noise."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes

from rna_bench.reporting.figures.chains import CHANCE, Drawn
from rna_bench.reporting.figures.style import GREY, INK, WIDE, MethodStyle, Size, key, panel_grid, style_of
from rna_bench.reporting.statistics.attacks import AttackKey, RecoveredRun, SeedRuns, along_budget
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval
from rna_bench.reporting.statistics.recovered import in_short, strongest

CAPTION = (
    "Accuracy on facts that the attack never saw, once all of its budget is spent; of an attack with variants the one that "
    "recovers most. A panel for each attack, a line for each method, means and 95% intervals over seeds. Vertical: the base model, "
    "dash-dotted, a model that was never told the facts, dashed, and chance, dotted."
)
MARKERS = ("o", "s", "D", "^", "v", "P")
ROW, HEAD = 0.2, 0.7
"""Inches of a method, and of what is above and below them."""
Attacked = Mapping[str, RecoveredRun]


def recovered_figure(groups: Sequence[Group], attacked: Attacked) -> Drawn | None:
    """Return the figure, with a row of panels for each model; None where no method was attacked."""
    columns = in_short(attacked)
    models = [list(some) for _, some in groupby(groups, key=lambda group: (group.model, group.dtype))]
    rows = [some for some in models if any(_is_method(group) and _tried(group, columns, attacked) for group in some)]
    if not rows:
        return None
    methods = max(len(_methods(some, columns, attacked)) for some in rows)
    figure, grid = panel_grid(len(rows), len(columns), Size(WIDE, ROW * methods + 0.35, HEAD), sharey="row")
    kinds = list(dict.fromkeys(_kind(group) for some in rows for group in some if _is_method(group)))
    for line, some in zip(grid, rows, strict=True):
        for axes, keys in zip(line, columns.values(), strict=True):
            _panel(axes, keys, some, _methods(some, columns, attacked), kinds, attacked)
        line[0].set_ylabel(some[0].model, fontsize=7, fontweight="bold")
    for axes, name in zip(grid[0], columns, strict=True):
        axes.set_title(name, fontsize=7.5)
    figure.supxlabel("accuracy on facts not retaught, %", fontsize=7)
    marks = [key(kind, **_mark(kind, kinds, INK), linestyle="none") for kind in kinds]
    figure.legend(handles=marks, loc="outside upper center", ncols=min(len(marks), 3), fontsize=7)
    return Drawn("recovered", CAPTION, figure)


def _is_method(group: Group) -> bool:
    return group.unlearned and not group.gold


def _tried(group: Group, columns: Mapping[str, Sequence[AttackKey]], attacked: Attacked) -> bool:
    return any(strongest(keys, group, attacked) for keys in columns.values())


def _methods(groups: Sequence[Group], columns: Mapping[str, Sequence[AttackKey]], attacked: Attacked) -> list[str]:
    return list(dict.fromkeys(group.method for group in groups if _is_method(group) and _tried(group, columns, attacked)))


def _kind(group: Group) -> str:
    """Return the label of a group's noise, with whatever else is set in it apart from others of its method."""
    noise = "no noise" if group.scale <= 0 else f"noise {group.noise}"
    return f"{noise}, {group.settings}" if group.settings else noise


def _mark(kind: str, kinds: Sequence[str], colour: str) -> dict[str, Any]:
    """Return the settings of a kind's marker: hollow for the first."""
    place = kinds.index(kind)
    face = "white" if not place else colour
    return {"marker": MARKERS[place % len(MARKERS)], "markeredgecolor": colour, "markerfacecolor": face, "color": colour}


def _panel(
    axes: Axes, keys: Sequence[AttackKey], groups: Sequence[Group], methods: Sequence[str], kinds: Sequence[str], attacked: Attacked
) -> None:
    axes.axvline(CHANCE, color=GREY, linestyle=":", linewidth=0.8)
    for group in groups:
        if not (accuracy := _at_end(strongest(keys, group, attacked))):
            continue
        if not _is_method(group):
            axes.axvline(accuracy.mean, color=INK, linestyle="--" if group.unlearned else "-.", linewidth=0.8)
            continue
        style: MethodStyle = style_of(group.method, methods)
        aside = 0.6 * ((kinds.index(_kind(group)) + 0.5) / len(kinds) - 0.5)
        height = methods.index(group.method) + aside
        axes.hlines(height, *accuracy.ends, color=style.colour, linewidth=0.8)
        axes.plot([accuracy.mean], [height], markersize=3.2, linestyle="none", **_mark(_kind(group), kinds, style.colour))
    axes.set_xlim(0, 102)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_yticks(range(len(methods)), [style_of(name, methods).label for name in methods])
    axes.set_ylim(len(methods) - 0.5, -0.5)
    axes.tick_params(labelsize=6.5)


def _at_end(runs: SeedRuns) -> Interval | None:
    return [*along_budget(runs).values()][-1] if runs else None
