"""The table of settings tried for each method, from which a preset is chosen."""

from pathlib import Path

from rna_bench.reporting.statistics.choice import RULE, Tried, tried
from rna_bench.reporting.statistics.frame import grouped
from rna_bench.reporting.tables.table import Table, TableRow
from rna_bench.reporting.tables.terminal import table_text
from rna_bench.runs.collection import collect


def choices_text(folder: Path) -> str:
    """Return the table of the records in a folder, as wide as the terminal."""
    rows = [_row(one) for one in tried(grouped(collect(folder, deep=True).records))]
    return table_text(Table("choices", "Settings tried", RULE, rows))


def _row(one: Tried) -> TableRow:
    group = one.group
    return {
        "model": group.model,
        "method": group.method,
        "settings": group.settings or "-",
        "seeds": str(len(group.runs)),
        "forget": f"{one.forget:.1f}",
        "retained": f"{one.retained:.1f}",
        "gap": f"{one.gap:.1f}",
        "chosen": "yes" if one.chosen else "",
    }
