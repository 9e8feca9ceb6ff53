"""A table, and its text in Markdown, CSV and LaTeX. Cells hold numbers; only Markdown and LaTeX round them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import pandas

from rna_bench.reporting.statistics.bootstrap import Span
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval

SHORT = r"""\begin{{table}}
\caption{{{caption}}}
\begin{{tabular}}{{{columns}}}
\toprule
{head}
\midrule
{rows}
\bottomrule
\end{{tabular}}
\end{{table}}
"""
LONG = r"""\begin{{longtable}}{{{columns}}}
\caption{{{caption}}} \\
\toprule
{head}
\midrule
\endhead
{rows}
\bottomrule
\end{{longtable}}
"""


ESCAPES = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash ", "~": r"\textasciitilde ", "^": r"\textasciicircum ", "±": r"$\pm$", "<": "$<$"}
)


class Chance(NamedTuple):
    """A p-value."""

    p: float


Cell: TypeAlias = str | Interval | Span | Chance
TableRow: TypeAlias = dict[str, Cell]


@dataclass(frozen=True)
class Table:
    """A table. Of a `long` one, Markdown shows title and note alone; CSV and LaTeX have the rows."""

    name: str
    title: str
    note: str
    rows: Sequence[TableRow]
    long: bool = False


def group_cells(group: Group) -> TableRow:
    """Return the cells that identify a row's group of runs."""
    cells: TableRow = {"model": group.model, "dtype": group.dtype, "method": group.method}
    if group.settings:
        cells["settings"] = group.settings
    return cells | {"noise": group.noise, "seeds": str(len(group.runs))}


def markdown(table: Table) -> str:
    """Return title, table and note in Markdown."""
    if table.long:
        return f"## {table.title}\n\n{table.note} {len(table.rows)} rows: `{table.name}.csv` and `{table.name}.tex`."
    return f"## {table.title}\n\n{_frame(table, _words).to_markdown(index=False, disable_numparse=True)}\n\n{table.note}"


def csv(table: Table) -> str:
    """Return the table in CSV, with each number in its own column."""
    return _frame(table, _numbers).to_csv(index=False)


def latex(table: Table, source: str) -> str:
    """Return the table in LaTeX (booktabs; longtable for a long one), with its note as caption and its source as comment."""
    frame = _frame(table, _words)
    comment = "".join(f"% {line}\n" for line in source.split("\n"))
    layout = LONG if table.long else SHORT
    return comment + layout.format(
        columns="l" * len(frame.columns),
        caption=_escaped(table.note.replace("`", "")),
        head=_latex_row(frame.columns),
        rows="\n".join(map(_latex_row, frame.itertuples(index=False))),
    )


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(map(_escaped, cells)) + r" \\"


def _frame(table: Table, show: Callable[[TableRow], Mapping[str, str | float]]) -> pandas.DataFrame:
    return pandas.DataFrame([show(row) for row in table.rows]).fillna("")


def _words(row: TableRow) -> dict[str, str]:
    return {key: cell_text(cell) for key, cell in row.items()}


def cell_text(cell: Cell) -> str:
    """Return the cell rounded for reading: 97.3 ± 1.2, or 24.5 [3.1, 40.2], or 0.012."""
    match cell:
        case Interval(mean, half, _):
            return f"{mean:.1f}" if half is None else f"{mean:.1f} ± {half:.1f}"
        case Span(value, low, high):
            return f"{value:.1f} [{low:.1f}, {high:.1f}]"
        case Chance(p):
            return "<0.001" if p < 0.001 else f"{p:.3f}"
        case _:
            return cell


def _numbers(row: TableRow) -> dict[str, str | float]:
    """Return the row as numbers; resampled and integrated ones to six digits, which do not depend on the machine."""
    flat: dict[str, str | float] = {}
    for key, cell in row.items():
        match cell:
            case Interval(mean, half, n):
                flat |= {key: mean, f"{key} half width": "" if half is None else half, f"{key} n": n}
            case Span(value, low, high):
                flat |= {key: _rounded(value), f"{key} low": _rounded(low), f"{key} high": _rounded(high)}
            case Chance(p):
                flat[key] = _rounded(p)
            case _:
                flat[key] = cell
    return flat


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _escaped(text: str) -> str:
    """Return the text with the special characters of LaTeX escaped."""
    return text.translate(ESCAPES)
