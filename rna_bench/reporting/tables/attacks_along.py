"""The table of what attacks recover of states along the training."""

from collections.abc import Mapping, Sequence

from rna_bench.reporting.statistics.attacks import AttackKey, RecoveredRun, along_budget
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import percent_interval
from rna_bench.reporting.statistics.recovery_speed import area
from rna_bench.reporting.tables.table import Seeds, Table, TableRow, group_cells

NOTE = (
    "Attacks on states after a `step` of training (`attack.at`), not on the end. Accuracy on facts that the attack never saw, "
    "`before` it spends any of its budget and `after` all of it, and `area`, the mean accuracy along it, as for the end. "
    "`seeds`: those that were attacked."
)


def attacks_along_table(groups: Sequence[Group], attacked: Mapping[str, RecoveredRun]) -> Table:
    """Return a row for each attack, group and step; `attacked` are runs by identity."""
    keys = sorted({key for run in attacked.values() for own in run.along.values() for key in own})
    steps = sorted({step for run in attacked.values() for step in run.along})
    rows = [row for key in keys for group in groups for step in steps for row in _rows(key, group, step, attacked)]
    return Table("attacks_along", "What attacks recover along the training", NOTE, rows)


def _rows(key: AttackKey, group: Group, step: int, attacked: Mapping[str, RecoveredRun]) -> list[TableRow]:
    known = {seed: attacked[run.identity].along.get(step, {}) for seed, run in group.runs.items() if run.identity in attacked}
    runs = {seed: own[key] for seed, own in known.items() if key in own}
    if not runs:
        return []
    accuracies = list(along_budget(runs).values())
    areas = [100 * float(area(own.budgets, own.accuracies())) for own in runs.values()]
    ends: TableRow = {"before": accuracies[0], "after": accuracies[-1], "area": percent_interval(areas)}
    several = {one.settings for run in attacked.values() for own in run.along.values() for one in own if one.attack == key.attack}
    named = {"attack": key.label, **({"with": key.settings} if len(several) > 1 else {})}
    return [{**named, **group_cells(group), "seeds": Seeds(len(runs), 0, ()), "step": str(step), **ends}]
