"""The page's first table: which method to use, in the words of the tables."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup

from rna_bench.reporting.page.summary import inline
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.tables.methods import methods_table
from rna_bench.reporting.tables.table import cell_text

SHARED = ("model", "dtype", "seeds")


class AnswerRow(NamedTuple):
    """A method: its cells, and the part of the address that shows its runs."""

    cells: tuple[str, ...]
    runs: str


class Answer(NamedTuple):
    """The methods of a sweep, the best first by a rule."""

    rule: Markup
    shared: str
    """What all rows have in common: the model, its dtype, the number of seeds."""
    columns: tuple[str, ...]
    rows: tuple[AnswerRow, ...]
    fits: tuple[Markup, ...]
    """For each model, and each value of what was swept, which methods forget and retain, and which do not."""

    @property
    def methods(self) -> int:
        """The number of methods."""
        place = self.columns.index("method") if self.rows else 0
        return len({row.cells[place] for row in self.rows})


def answer(groups: Sequence[Group], sweep: str) -> Answer:
    """Return the methods of a sweep's groups."""
    table = methods_table(groups)
    rows = [{key: cell_text(cell) for key, cell in row.items()} for row in table.rows]
    shared = {key: rows[0][key] for key in SHARED if rows and len({row[key] for row in rows}) == 1}
    columns = tuple(key for key in dict.fromkeys(key for row in rows for key in row) if key not in shared)
    words = ", ".join(f"{value} seeds" if key == "seeds" else value for key, value in shared.items())
    return Answer(inline(table.note), words, columns, tuple(_row(row, columns, sweep) for row in rows), _fits(rows))


def _row(cells: Mapping[str, str], columns: Sequence[str], sweep: str) -> AnswerRow:
    method = cells["method"].split(", noise ")[0]
    shown = urlencode({"sweep": sweep, "model": cells["model"], "method": method})
    return AnswerRow(tuple(cells.get(key, "") for key in columns), shown)


def _fits(rows: Sequence[Mapping[str, str]]) -> tuple[Markup, ...]:
    held: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        where = ", ".join(filter(None, (row["model"], row.get("settings", ""))))
        held.setdefault(where, {}).setdefault(row["forgets, retains"], []).append(row["method"])
    places: dict[str, list[str]] = {}
    for where, of in held.items():
        places.setdefault("; ".join(_fit(fit, sorted(names), of) for fit, names in of.items()), []).append(where)
    return tuple(
        inline(f"{' and '.join(where) if len(places) > 1 else 'Without noise'}: {text}.") for text, where in places.items()
    )


def _fit(fit: str, names: Sequence[str], fits: Mapping[str, Sequence[str]]) -> str:
    total = sum(len(others) for others in fits.values())
    return f"**{fit}** for {len(names)} of {total} method{'' if total == 1 else 's'}: {', '.join(names)}"
