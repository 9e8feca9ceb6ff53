"""The table of what attacks recover: accuracy on facts that they never saw, along their budget, and how deep forgetting is."""

from collections.abc import Mapping, Sequence

import numpy

from rna_bench.core.types import Status
from rna_bench.reporting.statistics.attacks import (
    AttackKey,
    Fact,
    Recovered,
    RecoveredRun,
    SeedRuns,
    along_budget,
    by_seed,
    is_reference,
    paired_areas,
)
from rna_bench.reporting.statistics.bootstrap import Span
from rna_bench.reporting.statistics.depth import SMALLEST_DIFFERENCE, depth_spans
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import interval, percent_interval
from rna_bench.reporting.statistics.recovery_speed import HalfTime, area, half_time, median_half_time
from rna_bench.reporting.tables.table import Cell, Seeds, Table, TableRow, group_cells

NOTE = (
    "Accuracy on facts that the attack never saw, after so much of its budget (`after 64`: 64 updates). Chance is 25 before; an "
    "attack that teaches some facts makes their values likelier, which are wrong elsewhere, so the null is the row of the gold "
    "reference (`retrained`), a model that was never told the facts. `area`: the area under accuracy over log2(1 + budget), over "
    "the width, a mean accuracy. `half-time`: the budget at which half of what lies between the first accuracy and the base "
    "model's is recovered (100 where there is no base), on straight lines between stages; the median over seeds, and `>128` where "
    "it lies beyond the budget. `log-odds`: of the right letter among the four, on forget questions, without attack, in nats. "
    "`retaught`, `retain`: accuracy at the end on the facts that were taught again and on harmless ones: where the first is low "
    "the attack has not trained, where the second is low it broke the model, and what is not recovered then says nothing of what "
    "is erased (but of a probe, which changes nothing and is fitted to forget facts alone). `depth`: 1 - (A - A_gold) / (A_base - "
    "A_gold) of areas A, in percent, on the seeds and facts that all three have: 100 where no more is recovered than of the gold "
    "reference, 0 where as much as of the base; not clipped, with a 95% interval by a paired bootstrap of seeds and facts. There "
    "is one gold reference a world, whose own chance is not in the interval, and with few seeds it is too narrow. Where there is "
    "none, `no depth` says why. `seeds`: those that were attacked. Other columns: mean and 95% interval over seeds."
)
AFTER = "after "
"""What begins the names of columns of accuracies along the budget."""


def attacks_table(groups: Sequence[Group], attacked: Mapping[str, RecoveredRun]) -> Table:
    """Return a row for each attack and group, attack by attack; `attacked` are runs by identity."""
    diagnostic = {key: own.diagnostic for run in attacked.values() for key, own in run.by_attack.items()}
    keys = sorted(diagnostic, key=lambda key: (diagnostic[key], key))
    rows = [row for key in keys for row in _rows(key, groups, attacked)]
    return Table("attacks", "What attacks recover", NOTE, [_in_order(row, rows) for row in rows])


def _in_order(row: TableRow, rows: Sequence[TableRow]) -> TableRow:
    """Return the row with a cell for each budget of any row, in rising order, where its own begin: attacks' budgets differ."""
    budgets = sorted({int(name.removeprefix(AFTER)) for other in rows for name in other if name.startswith(AFTER)})
    names = [*row]
    begin = next(number for number, name in enumerate(names) if name.startswith(AFTER))
    along: TableRow = {f"{AFTER}{budget}": row.get(f"{AFTER}{budget}", "") for budget in budgets}
    before, others = names[:begin], [name for name in names[begin:] if name not in along]
    return {name: row[name] for name in before} | along | {name: row[name] for name in others}


def _rows(key: AttackKey, groups: Sequence[Group], attacked: Mapping[str, RecoveredRun]) -> list[TableRow]:
    found = [(group, by_seed(key, group, attacked)) for group in groups]
    under = [(group, runs) for group, runs in found if runs]
    same_name = {other.settings for run in attacked.values() for other in run.by_attack if other.attack == key.attack}
    cells: TableRow = {"attack": key.label}
    if len(same_name) > 1:
        cells["with"] = key.settings
    return [
        cells | group_cells(group) | {"seeds": _seeds(group, runs)} | _cells(group, runs, under, attacked) for group, runs in under
    ]


def _cells(
    group: Group, runs: SeedRuns, under: Sequence[tuple[Group, SeedRuns]], attacked: Mapping[str, RecoveredRun]
) -> dict[str, Cell]:
    gold, base = references(group, under)
    diagnostic = any(own.diagnostic for own in runs.values())
    odds = [attacked[run.identity].log_odds for seed, run in group.runs.items() if seed in runs]
    return {
        **{f"{AFTER}{budget}": accuracy for budget, accuracy in along_budget(runs).items()},
        "area": "" if diagnostic else percent_interval([100 * float(one) for one in (_area(own) for own in runs.values())]),
        "half-time": _half_time(runs, base),
        **_at_end(runs),
        "log-odds": interval(odds) if numpy.isfinite(odds).all() else "",
        **(_no_depth("a diagnostic, which sees the original weights") if diagnostic else depth_cells(runs, gold, base)),
    }


def references(group: Group, under: Sequence[tuple[Group, SeedRuns]]) -> tuple[SeedRuns, SeedRuns]:
    """Return what the same attack recovers of a group's gold reference and of its base, among all groups under the attack.

    They are of the same model, and were asked the same questions.
    """
    same = [(other, theirs) for other, theirs in under if (other.model, other.dtype) == (group.model, group.dtype)]
    beside = [(other, theirs) for other, theirs in same if _asked_alike(group, other)]
    gold = next((theirs for other, theirs in beside if all(map(is_reference, other.runs.values()))), {})
    return gold, next((theirs for other, theirs in beside if not other.unlearned), {})


def _seeds(group: Group, runs: SeedRuns) -> Seeds:
    """Return how many runs were attacked, and how many of these had collapsed."""
    return Seeds(len(runs), sum(group.runs[seed].status is Status.collapsed for seed in runs), ())


def _at_end(runs: SeedRuns) -> dict[str, Cell]:
    """Return accuracies at the end on what was taught again and on harmless facts; "" where a run was not asked."""
    ends = {"retaught": [100 * own.retaught for own in runs.values()], "retain": [100 * own.retain for own in runs.values()]}
    return {name: percent_interval(values) if numpy.isfinite(values).all() else "" for name, values in ends.items()}


def _area(own: Recovered) -> float:
    return float(area(own.budgets, own.accuracies()))


def _half_time(runs: SeedRuns, base: SeedRuns) -> str:
    """Return the median budget at which half of what was lost is recovered; "" where nothing was lost, or there is one stage."""
    times: list[HalfTime] = []
    for seed, own in runs.items():
        first = float(own.accuracies()[0])
        known = float(base[seed].accuracies()[0]) if seed in base else 1.0
        if known > first and len(own.budgets) > 1:
            times.append(half_time(own.budgets, list(map(float, own.accuracies())), (first + known) / 2))
    if not times:
        return ""
    median = median_half_time(times)
    return f">{median.budget:.0f}" if median.censored else f"{median.budget:.1f}"


def _asked_alike(one: Group, other: Group) -> bool:
    pairs = [(one.runs[seed], other.runs[seed]) for seed in one.runs.keys() & other.runs.keys()]
    return all(own.fingerprints.get("questions") == theirs.fingerprints.get("questions") for own, theirs in pairs)


def depth_cells(runs: SeedRuns, gold: SeedRuns, base: SeedRuns) -> dict[str, Cell]:
    """Return the depth, or why there is none."""
    missing = [name for name, known in (("the base", base), ("the gold reference", gold)) if not known]
    if missing:
        return _no_depth(f"no attack with these settings on {' and '.join(missing)}")
    areas = paired_areas([{seed: _fact_areas(own) for seed, own in some.items()} for some in (runs, gold, base)])
    if not areas[0].size:
        return _no_depth("no seed or no fact in common with the base and the gold reference")
    found = depth_spans(*areas)
    if not found.defined:
        return _no_depth(f"base and gold reference not surely {100 * SMALLEST_DIFFERENCE:.0f} points apart")
    return {"depth": Span(*(100 * end for end in found.depth))}


def _no_depth(why: str) -> dict[str, Cell]:
    return {"depth": "", "no depth": why}


def _fact_areas(own: Recovered) -> dict[Fact, float]:
    return {fact: float(area(own.budgets, numpy.array(right))) for fact, right in own.right.items()}
