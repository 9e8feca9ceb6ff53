"""What attacks recover, on the page: a column for each attack in the table of runs, and a table of each sweep's methods."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from rna_bench.reporting.page.rows import Column
from rna_bench.reporting.page.summary import inline
from rna_bench.reporting.statistics.attacks import RecoveredRun
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.tables.attacks import attacks_table
from rna_bench.reporting.tables.table import cell_text


class AttackTable(NamedTuple):
    """The table of what attacks recover, as text; without rows where nothing was attacked."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: Markup


def attack_table(groups: Sequence[Group], attacked: Mapping[str, RecoveredRun]) -> AttackTable:
    """Return the table of a sweep's groups; `attacked` are runs by identity."""
    table = attacks_table(groups, attacked)
    columns = tuple(dict.fromkeys(name for row in table.rows for name in row))
    rows = tuple(tuple(cell_text(row.get(name, "")) for name in columns) for row in table.rows)
    return AttackTable(columns, rows, inline(table.note))


def attack_columns(attacked: Mapping[str, RecoveredRun]) -> list[Column]:
    """Return a column for each attack that any run was tried with."""
    names = sorted({key.attack for run in attacked.values() for key in run.by_attack})
    meaning = (
        "accuracy on facts that the attack {} never saw, at the end of its budget, in percent; of several variants the highest"
    )
    return [Column(_key(name), f"after {name}", meaning.format(name), numeric=True) for name in names]


def attack_values(run: RecoveredRun | None, columns: Sequence[Column]) -> dict[str, float | None]:
    """Return a run's value in each of these columns; None where it was not attacked so."""
    ends: dict[str, float] = {}
    for key, recovered in (run.by_attack if run else {}).items():
        end = round(100 * float(recovered.accuracies()[-1]), 2)
        ends[_key(key.attack)] = max(end, ends.get(_key(key.attack), 0.0))
    return {column.key: ends.get(column.key) for column in columns}


def _key(attack: str) -> str:
    return f"attack.{attack}"
