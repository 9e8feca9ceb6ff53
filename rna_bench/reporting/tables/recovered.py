"""The table that says in short how much attacks recover of each method: a row a method, a column an attack."""

from collections.abc import Mapping, Sequence

from rna_bench.reporting.statistics.attacks import AttackKey, RecoveredRun, SeedRuns, along_budget, by_seed
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.pairs import accuracy_over_seeds
from rna_bench.reporting.statistics.scores import forget_accuracy
from rna_bench.reporting.tables.attacks import depth_cells, references
from rna_bench.reporting.tables.table import Cell, Seeds, Table, TableRow, group_cells

LAYER = "layer "
"""How variants begin that read one layer: table `attacks` has these."""
NOTE = (
    "Accuracy on facts that the attack never saw, in %, once all of its budget is spent; chance is 25. `forget`: on all forget "
    "questions, without attack. `depth` of an attack with several budgets: 100 where no more is recovered along them than of the "
    "gold reference (`retrained`), which was never told the facts, 0 where as much as of the base; with a 95% interval, and empty "
    "where table `attacks` says why. That table has each budget, layers one by one, diagnostics that see the original weights, and "
    "what an attack taught and spoilt: a model that it broke is not shown to have forgotten. `seeds`: those that were attacked."
)
Under = Sequence[tuple[Group, SeedRuns]]


def recovered_table(groups: Sequence[Group], attacked: Mapping[str, RecoveredRun]) -> Table:
    """Return a row for each attacked group; `attacked` are runs by identity."""
    under = {
        key: [(group, runs) for group in groups if (runs := by_seed(key, group, attacked))]
        for key in _in_short([key for run in attacked.values() for key, own in run.by_attack.items() if not own.diagnostic])
    }
    rows = [_row(group, under) for group in groups if any(other is group for found in under.values() for other, _ in found)]
    return Table("recovered", "Hidden or erased: what attacks recover", NOTE, rows)


def _in_short(keys: Sequence[AttackKey]) -> list[AttackKey]:
    """Return the attacks that have a column, in the order of their names: each that has one setting, but for single layers."""
    several = {key.attack for key in keys for other in keys if key.attack == other.attack and key.settings != other.settings}
    return sorted({key for key in keys if key.attack not in several and not key.variant.startswith(LAYER)})


def _row(group: Group, under: Mapping[AttackKey, Under]) -> TableRow:
    found = {key: _runs_of(group, known) for key, known in under.items()}
    most = max(len(runs) for runs in found.values())
    row = group_cells(group) | {"seeds": Seeds(most, len(group.collapsed) if most == len(group.runs) else 0, ())}
    row["forget"] = accuracy_over_seeds(group, forget_accuracy, "forget") if group.forgets else ""
    for key, runs in found.items():
        row |= _cells(key, group, runs, under[key])
    return row


def _runs_of(group: Group, known: Under) -> SeedRuns:
    return next((runs for other, runs in known if other is group), {})


def _cells(key: AttackKey, group: Group, runs: SeedRuns, known: Under) -> dict[str, Cell]:
    name = " ".join(filter(None, (key.attack, key.variant)))
    accuracies = [*along_budget(runs).values()] if runs else []
    cells: dict[str, Cell] = {name: accuracies[-1] if accuracies else ""}
    if len(accuracies) > 1:
        cells[f"depth {name}"] = depth_cells(runs, *references(group, known))["depth"]
    return cells
