"""Accuracy in rows: by kind of trigger, and by subject; each method without noise and with the most noise it was run with."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

from rna_bench.core.types import CLEAN, RunRecord, TriggerType
from rna_bench.reporting.figures.chains import CHANCE, Chain, Drawn, Missing, panels, shared_kinds
from rna_bench.reporting.figures.style import GREY, INK, NARROW, WIDE, Look, Size, fill, key, sheet
from rna_bench.reporting.statistics.frame import Group, forget_accuracy, pooled
from rna_bench.reporting.statistics.intervals import interval

Value = Callable[[RunRecord], float]
SHORT, MANY = 12, 20
"""Letters that a row's name may have in a narrow figure, and rows from which on they are set smaller."""
ASIDE = 0.17
"""Of a row's height: how far above and below its middle the two runs are drawn."""


class Row(NamedTuple):
    """A line of dots: what is measured, and what it is held against (of the same run), if anything."""

    label: str
    value: Value
    against: Value | None = None


def trigger_kinds(found: Sequence[Group]) -> Drawn | Missing:
    """Draw accuracy under each kind of trigger, with that of its harmless control, beside forget and clean accuracy."""
    shown = [group for group in found if group.kinds and group.unlearned]
    kinds = shared_kinds(shown)
    if not kinds:
        return Missing("trigger_kinds", "no kind of trigger that all unlearned runs were scored under")
    rows = [Row("clean", lambda run: pooled(run.scores, CLEAN)), *(_by_kind(kind) for kind in kinds)]
    if all(group.forgets for group in shown):
        rows.insert(0, Row("(forget)", lambda run: forget_accuracy(run.scores)))
    caption = (
        "Retain accuracy in percent, clean and with each kind of trigger: means and 95% intervals over seeds. Black tick: with the "
        "trigger's harmless control in its place, without noise. (forget): accuracy on forget questions, where lower is better. "
        "Dotted: chance."
    )
    return _drawn("trigger_kinds", caption, shown, rows, "control")


def _by_kind(kind: TriggerType) -> Row:
    return Row(kind.trigger, lambda run: pooled(run.scores, kind.trigger), lambda run: pooled(run.scores, kind.control))


def subjects(found: Sequence[Group]) -> Drawn | Missing:
    """Draw perturbed accuracy (the mean over the kinds of trigger) by subject, with the clean accuracy."""
    shown = [group for group in found if group.unlearned and group.kinds and all(_groups(run) for run in group.runs.values())]
    kinds = shared_kinds(shown)
    common = [
        name
        for name in (_groups(_first(shown)) if shown else ())
        if all(name in _groups(r) for g in shown for r in g.runs.values())
    ]
    if not kinds or not common:
        reason = "no unlearned run has scores by subject: records of schema version 1 have none, nor have tasks of a single subject"
        return Missing("subjects", reason)
    several = len({task for task, _ in common}) > 1
    rows = [_by_subject(task, name, kinds, f"{task}: {name}" if several else name) for task, name in common]
    caption = (
        "Perturbed accuracy (the mean over the kinds of trigger) in percent, by subject or category of the retain questions: means "
        "and 95% intervals over seeds. Black tick: clean questions, without noise. Dotted: chance."
    )
    return _drawn("subjects", caption, shown, rows, "clean")


def _by_subject(task: str, name: str, kinds: Sequence[TriggerType], label: str) -> Row:
    def accuracy(run: RunRecord, perturbations: Sequence[str]) -> float:
        own = {score.perturbation: score.accuracy for score in run.breakdown if (score.task, score.group) == (task, name)}
        return 100 * sum(own[perturbation] for perturbation in perturbations) / len(perturbations)

    perturbations = [kind.trigger for kind in kinds]
    return Row(label.replace("_", " "), lambda run: accuracy(run, perturbations), lambda run: accuracy(run, [CLEAN]))


def _groups(run: RunRecord) -> list[tuple[str, str]]:
    return list(dict.fromkeys((score.task, score.group) for score in run.breakdown if score.role == "retain"))


def _first(groups: Sequence[Group]) -> RunRecord:
    return next(iter(groups[0].runs.values()))


def _drawn(name: str, caption: str, shown: Sequence[Group], rows: Sequence[Row], against: str) -> Drawn:
    """Draw a panel a method, and model; rows are shared."""
    here = panels(shown)
    cells = [(panel, chain) for panel in here for chain in panel.chains]
    columns = min(len(cells), 2 if len(cells) <= 4 else 3)
    deep = -(-len(cells) // columns)
    wide = any(chain.settings for _, chain in cells) or max(len(row.label) for row in rows) > SHORT
    high, size = (0.17, 7.5) if len(rows) <= MANY else (0.12, 6.0)
    figure, grid = sheet(deep, columns, Size(WIDE if wide else NARROW, 0.35 + high * len(rows), 0.5))
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


def _panel(axes: Axes, chain: Chain, rows: Sequence[Row]) -> None:
    axes.axvline(CHANCE, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
    ends = [group for group in (chain.plain, chain.noisy[-1] if chain.noisy else None) if group]
    for place, row in enumerate(rows):
        axes.axhspan(place - 0.5, place + 0.5, color="#F2F2F2" if place % 2 else "white", linewidth=0, zorder=-1)
        for group in ends:
            value = interval([row.value(run) for run in group.runs.values()])
            y = place + (ASIDE if group.scale > 0 else -ASIDE) * (len(ends) > 1)
            shape = fill(chain.look, noisy=group.scale > 0)
            axes.errorbar(
                value.mean,
                y,
                xerr=value.half or 0,
                ecolor=chain.look.colour,
                elinewidth=0.8,
                markersize=4.5,
                markeredgewidth=0.9,
                **shape,
            )
        if row.against and chain.plain:
            tick = interval([row.against(run) for run in chain.plain.runs.values()])
            axes.plot([tick.mean], [place], marker="|", markersize=9, markeredgewidth=1.3, color=INK, zorder=1)


def _keys(chains: Sequence[Chain], against: str) -> list:
    look = Look("", "o", GREY)
    most = {chain.noisy[-1].scale: chain.noisy[-1].noise for chain in chains if chain.noisy}
    keys = [key("no noise", linestyle="", **fill(look, noisy=False))]
    if most:
        keys.append(key(f"RNA {' or '.join(most[scale] for scale in sorted(most))}", linestyle="", **fill(look, noisy=True)))
    return [*keys, key(against, linestyle="", marker="|", color=INK, markersize=9)]
