"""Accuracy in rows, by trigger type and by subject: each method without noise and with its largest noise scale."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from matplotlib.axes import Axes

from rna_bench.core.types import CLEAN, RunRecord, TriggerType
from rna_bench.reporting.figures.chains import CHANCE, Chain, Drawn, Missing, common_trigger_types, panels
from rna_bench.reporting.figures.style import GREY, INK, NARROW, WIDE, MethodStyle, Size, fill, key, panel_grid
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import accuracy_interval, interval
from rna_bench.reporting.statistics.scores import forget_accuracy, question_count, retain_accuracy

Value = Callable[[RunRecord], float]
SHORT, MANY = 12, 20
"""The most characters of a row's name in a narrow figure, and the most rows with names in the larger font."""
ASIDE = 0.17
"""How far above and below a row's middle the two runs are drawn, as a fraction of its height."""


class DotRow(NamedTuple):
    """A line of dots: what is measured, on how many questions, and the value of the same run that it is compared with, if any."""

    label: str
    value: Value
    questions: Callable[[RunRecord], int]
    against: Value | None = None


def by_trigger_type(groups: Sequence[Group]) -> Drawn | Missing:
    """Draw accuracy under each trigger type with that under its harmless control, and forget and clean accuracy."""
    shown = [group for group in groups if group.trigger_types and group.unlearned]
    trigger_types = common_trigger_types(shown)
    if not trigger_types:
        return Missing("trigger_types", "no trigger type that all unlearned runs were scored under")
    rows = [DotRow("clean", lambda run: retain_accuracy(run.scores), _retain), *map(_trigger_type_row, trigger_types)]
    if all(group.forgets for group in shown):
        rows.insert(
            0, DotRow("(forget)", lambda run: forget_accuracy(run.scores), lambda run: question_count(run.scores, "forget"))
        )
    caption = (
        "Retain accuracy in percent, clean and under each trigger type: means and 95% intervals over seeds. Black tick: with the "
        "trigger's harmless control in its place, without noise. (forget): accuracy on forget questions, where lower is better. "
        "Dotted: chance."
    )
    return _drawn("trigger_types", caption, shown, rows, "control")


def _trigger_type_row(trigger_type: TriggerType) -> DotRow:
    def under(perturbation: str) -> Value:
        return lambda run: retain_accuracy(run.scores, perturbation)

    return DotRow(trigger_type.trigger, under(trigger_type.trigger), _retain, under(trigger_type.control))


def _retain(run: RunRecord) -> int:
    return question_count(run.scores, "retain")


def by_subject(groups: Sequence[Group]) -> Drawn | Missing:
    """Draw perturbed accuracy (the mean over trigger types) by subject, with the clean accuracy."""
    shown = [
        group for group in groups if group.unlearned and group.trigger_types and all(_groups(run) for run in group.runs.values())
    ]
    trigger_types = common_trigger_types(shown)
    common = [
        name
        for name in (_groups(_first(shown)) if shown else ())
        if all(name in _groups(r) for g in shown for r in g.runs.values())
    ]
    if not trigger_types or not common:
        reason = "no unlearned run has scores by subject; records of schema version 1 and tasks of a single subject have none"
        return Missing("subjects", reason)
    several = len({task for task, _ in common}) > 1
    rows = [_subject_row(task, name, trigger_types, f"{task}: {name}" if several else name) for task, name in common]
    caption = (
        "Perturbed accuracy (the mean over trigger types) in percent, by subject or category of the retain questions: means and "
        "95% intervals over seeds. Black tick: clean questions, without noise. Dotted: chance."
    )
    return _drawn("subjects", caption, shown, rows, "clean")


def _subject_row(task: str, name: str, trigger_types: Sequence[TriggerType], label: str) -> DotRow:
    def accuracy(run: RunRecord, perturbations: Sequence[str]) -> float:
        own = {score.perturbation: score.accuracy for score in run.breakdown if (score.task, score.group) == (task, name)}
        return 100 * sum(own[perturbation] for perturbation in perturbations) / len(perturbations)

    perturbations = [one.trigger for one in trigger_types]

    def asked(run: RunRecord) -> int:
        return max(score.n for score in run.breakdown if (score.task, score.group) == (task, name))

    values = [partial(accuracy, perturbations=each) for each in (perturbations, [CLEAN])]
    return DotRow(label.replace("_", " "), values[0], asked, values[1])


def _groups(run: RunRecord) -> list[tuple[str, str]]:
    return list(dict.fromkeys((score.task, score.group) for score in run.breakdown if score.role == "retain"))


def _first(groups: Sequence[Group]) -> RunRecord:
    return next(iter(groups[0].runs.values()))


def _drawn(name: str, caption: str, shown: Sequence[Group], rows: Sequence[DotRow], against: str) -> Drawn:
    """Draw a panel for each method and model, with the same rows."""
    here = panels(shown)
    cells = [(panel, chain) for panel in here for chain in panel.chains]
    columns = min(len(cells), 2 if len(cells) <= 4 else 3)
    deep = -(-len(cells) // columns)
    wide = any(chain.settings for _, chain in cells) or max(len(row.label) for row in rows) > SHORT
    high, size = (0.17, 7.5) if len(rows) <= MANY else (0.12, 6.0)
    figure, grid = panel_grid(deep, columns, Size(WIDE if wide else NARROW, 0.35 + high * len(rows), 0.5))
    flat = [axes for line in grid for axes in line]
    for axes, (panel, chain) in zip(flat, cells, strict=False):
        axes.set_title(chain.title(panel.title if len(here) > 1 else ""), fontsize=7)
        axes.tick_params(axis="y", length=0, labelsize=size)
        _panel(axes, chain, rows)
    for axes in flat[len(cells) :]:
        axes.remove()
    grid[0][0].set_yticks(range(len(rows)), [row.label for row in rows])
    grid[0][0].set(ylim=(len(rows) - 0.5, -0.5), xlim=(0, 104))
    figure.supxlabel("accuracy in %", fontsize=8)
    tight = {"borderpad": 0, "handletextpad": 0.2, "columnspacing": 0.8, "fontsize": 7.5}
    figure.legend(handles=_keys([chain for _, chain in cells], against), loc="outside upper center", ncols=3, **tight)
    return Drawn(name, caption, figure)


def _panel(axes: Axes, chain: Chain, rows: Sequence[DotRow]) -> None:
    axes.axvline(CHANCE, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
    ends = [group for group in (chain.plain, chain.noisy[-1] if chain.noisy else None) if group]
    for place, row in enumerate(rows):
        axes.axhspan(place - 0.5, place + 0.5, color="#F2F2F2" if place % 2 else "white", linewidth=0, zorder=-1)
        for group in ends:
            runs = group.runs.values()
            value = accuracy_interval([row.value(run) for run in runs], min(map(row.questions, runs)))
            y = place + (ASIDE if group.scale > 0 else -ASIDE) * (len(ends) > 1)
            shape = fill(chain.style, noisy=group.scale > 0)
            axes.errorbar(
                value.mean,
                y,
                xerr=value.arms,
                ecolor=chain.style.colour,
                elinewidth=0.8,
                markersize=4.5,
                markeredgewidth=0.9,
                **shape,
            )
        if row.against and chain.plain:
            tick = interval([row.against(run) for run in chain.plain.runs.values()])
            axes.plot([tick.mean], [place], marker="|", markersize=9, markeredgewidth=1.3, color=INK, zorder=1)


def _keys(chains: Sequence[Chain], against: str) -> list:
    grey = MethodStyle("", "o", GREY)
    most = {chain.noisy[-1].scale: chain.noisy[-1].noise for chain in chains if chain.noisy}
    keys = [key("no noise", linestyle="", **fill(grey, noisy=False))]
    if most:
        labels = " or ".join(most[scale] for scale in sorted(most))
        keys.append(key(f"noise {labels}", linestyle="", **fill(grey, noisy=True)))
    return [*keys, key(against, linestyle="", marker="|", color=INK, markersize=9)]
