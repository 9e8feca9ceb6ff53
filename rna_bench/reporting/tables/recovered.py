"""The table that says in short how much attacks recover of each method: a row a method, a column an attack."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rna_bench.reporting.statistics.attacks import AttackKey, RecoveredRun, SeedRuns, along_budget, by_seed
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.pairs import accuracy_over_seeds
from rna_bench.reporting.statistics.recovered import in_short, strongest
from rna_bench.reporting.statistics.scores import forget_accuracy
from rna_bench.reporting.tables.attacks import depth_cells, references
from rna_bench.reporting.tables.table import Cell, Seeds, Table, TableRow, group_cells

NOTE = (
    "Accuracy in % on facts that an attack never saw, once its budget is spent (chance is 25, less after one that teaches others), "
    "and its `depth`, how slowly facts come back along its budget (100, as of the gold reference, which was never told them; 0, as "
    "of the base): attacks differ, and one that brings facts back (`most`) shows that they were hidden. `forget`: on all forget "
    "questions, without attack. Of an attack with variants (a precision, a wording) it is the one that recovers most of that row: "
    "as it is chosen by the facts that it is judged on, hold it against the row of the gold reference (`retrained`), which is "
    "chosen alike. `depth` has a 95% interval, and is empty where table `attacks` says why. That table has each budget and "
    "variant, attacks with several settings, diagnostics that see the original weights, and what an attack taught and broke: a "
    "broken model is not shown to have forgotten. `seeds`: those that were attacked."
)


def recovered_table(groups: Sequence[Group], attacked: Mapping[str, RecoveredRun]) -> Table:
    """Return a row for each attacked group; `attacked` are runs by identity."""
    columns = in_short(attacked)
    rows = [row for group in groups if (row := _row(group, groups, columns, attacked))]
    return Table("recovered", "Hidden or erased: what attacks recover", NOTE, rows)


def _row(
    group: Group, groups: Sequence[Group], columns: Mapping[str, Sequence[AttackKey]], attacked: Mapping[str, RecoveredRun]
) -> TableRow:
    found = {name: strongest(keys, group, attacked) for name, keys in columns.items()}
    most = max(map(len, found.values()), default=0)
    if not most:
        return {}
    row = group_cells(group) | {"seeds": Seeds(most, len(group.collapsed) if most == len(group.runs) else 0, ())}
    own = replace(group, runs={seed: run for seed, run in group.runs.items() if any(seed in runs for runs in found.values())})
    row["forget"] = accuracy_over_seeds(own, forget_accuracy, "forget") if group.forgets else ""
    row["most"] = _most(found)
    for name, keys in columns.items():
        row |= _cells(name, keys, group, groups, attacked)
    return row


def _most(found: Mapping[str, SeedRuns]) -> str:
    """Return the largest accuracy that an attack ends at, and its name."""
    ends = {name: [*along_budget(runs).values()][-1].mean for name, runs in found.items() if runs}
    strongest_attack = max(ends, key=lambda name: ends[name])
    return f"{ends[strongest_attack]:.1f} {strongest_attack}"


def _cells(
    name: str, keys: Sequence[AttackKey], group: Group, groups: Sequence[Group], attacked: Mapping[str, RecoveredRun]
) -> dict[str, Cell]:
    runs = strongest(keys, group, attacked)
    accuracies = [*along_budget(runs).values()] if runs else []
    cells: dict[str, Cell] = {name: accuracies[-1] if accuracies else ""}
    if len(accuracies) > 1 and len(keys) == 1:
        under = [(other, theirs) for other in groups if (theirs := by_seed(keys[0], other, attacked))]
        cells[f"depth, {name}"] = depth_cells(runs, *references(group, under))["depth"]
    return cells
