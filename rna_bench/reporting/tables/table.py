"""A table, and its text in Markdown, CSV and LaTeX. Cells hold numbers; only Markdown and LaTeX round them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import pandas

from rna_bench.core.types import RunRecord, Status
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


NO_SCORES = "without scores"
COUNTED = (
    "`seeds`: a run that collapsed counts, because accuracy at chance is its result; one that diverged or has no scores counts in "
    "no mean and is named."
)
"""How tables say which runs count."""


class Chance(NamedTuple):
    """A p-value."""

    p: float


class Seeds(NamedTuple):
    """How many runs of a group count, how many of these collapsed, and how many more do not count, by status."""

    counted: int
    collapsed: int
    uncounted: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        """`5`, `5 (1 collapsed)`, or `4 + 1 diverged`."""
        among = f" ({self.collapsed} collapsed)" if self.collapsed else ""
        return f"{self.counted}{among}" + "".join(f" + {count} {what}" for what, count in self.uncounted)


Cell: TypeAlias = str | Interval | Span | Chance | Seeds
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
    return cells | {"noise": group.noise, "seeds": _seeds(group)}


def reasons(group: Group) -> str:
    """Return why runs of the group do not count, each reason once."""
    return "; ".join(dict.fromkeys(run.reason or _why(run) for run in group.uncounted))


def _why(run: RunRecord) -> str:
    return run.status.value if run.status is Status.diverged else NO_SCORES


def _seeds(group: Group) -> Seeds:
    why = Counter(map(_why, group.uncounted))
    return Seeds(len(group.runs), len(group.collapsed), tuple(sorted(why.items())))


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
    """Return the cell rounded for reading: 97.3 ± 1.2, or 24.5 [3.1, 40.2], or 0.012, or 4 + 1 diverged."""
    match cell:
        case Interval():
            return cell.text()
        case Seeds():
            return cell.text
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
            case Interval(mean, low, high, n, over):
                flat |= {key: _rounded(mean)}
                flat |= {f"{key} {name}": "" if end is None else _rounded(end) for name, end in (("low", low), ("high", high))}
                flat |= {f"{key} n": n, f"{key} interval over": "" if low is None else over.value}
            case Seeds(counted, collapsed, uncounted):
                flat |= {key: counted, "collapsed": collapsed, "not counted": sum(count for _, count in uncounted)}
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
