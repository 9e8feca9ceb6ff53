"""What attacks recover, on the page: a column for each attack in the table of runs, and a table of each sweep's methods."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from rna_bench.reporting.page.rows import Column
from rna_bench.reporting.page.summary import inline
from rna_bench.reporting.statistics.attacks import RecoveredRun
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.recovered import in_short
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
    """Return a column for each attack that the short table has, too."""
    meaning = "accuracy on facts that the attack {} never saw, at the end of its budget, in percent{}"
    several = "; of its variants the highest, which is chosen by the facts that it is judged on"
    return [
        Column(_key(name), f"after {name}", meaning.format(name, several if len(keys) > 1 else ""), numeric=True)
        for name, keys in in_short(attacked).items()
    ]


def attack_values(run: RecoveredRun | None, attacked: Mapping[str, RecoveredRun]) -> dict[str, float | None]:
    """Return a run's value in each of the columns for all that are `attacked`; None where it was not attacked so."""
    own = run.by_attack if run else {}
    ends = {name: [own[key].accuracies()[-1] for key in keys if key in own] for name, keys in in_short(attacked).items()}
    return {_key(name): round(100 * float(max(found)), 2) if found else None for name, found in ends.items()}


def _key(attack: str) -> str:
    return f"attack.{attack}"
