"""Tables in a terminal: in blocks of columns that fit it, what all rows share above them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from rna_bench.core.terminal import GAP, bold, faint, width, wrapped
from rna_bench.reporting.tables.table import Chance, Interval, Span, Table, cell_text

if TYPE_CHECKING:
    from rna_bench.reporting.tables.write import Findings

MAIN = ("accuracy", "drop", "robustness_gain", "paper")
"""Tables shown beside the first one; the others are listed."""
HEADINGS = ("model", "dtype", "settings")
"""Columns whose values stand above the rows that have them, rather than in each."""
WIDEST = 24
"""Columns of a cell, whose text is broken into lines where it is longer."""
NO_BASE = "no base run"
"""What the evidence says that has the command for one."""
UNFIT = 8
"""How many methods that do not forget or retain are named; the file with all has the others."""
LEGEND = (
    "± and [low, high]: 95% intervals over seeds; (q): over questions, of one seed or where seeds agree. Detectable: the "
    "smallest true means, by trigger type, that so many seeds find with 80% power."
)
Texts = Mapping[str, str]


def findings_text(found: "Findings", whole: Path) -> str:
    """Return which method to use, the verdicts, the main tables, and where the rest is: `whole` is the file with all of it."""
    shown = [table for table in found.others if table.name in MAIN]
    listed = [f"{table.title.lower()} ({len(table.rows)} rows)" for table in found.others if table.name not in MAIN]
    verdicts = [f"{claim.title} (claim {claim.number}), {line}" for claim in found.claims for line in claim.counts]
    parts = [*map(table_text, found.first)]
    parts += ["\n".join([bold("Verdicts"), *(_emphasised(wrapped(line, "- ", "  ")) for line in verdicts)])] if verdicts else []
    parts += [_emphasised(entry) for claim in found.claims for entry in claim.evidence if NO_BASE in entry]
    parts += [_unfit([entry for claim in found.claims if claim.number == "0" for entry in claim.evidence if NO_BASE not in entry])]
    parts += [*map(table_text, shown), *([wrapped(found.words)] if found.words else [])]
    parts += [wrapped(LEGEND), "\n".join(_emphasised(wrapped(line)) for line in found.footer.splitlines()[1:])]
    more = f"Also there: {'; '.join(listed)}. " if listed else ""
    parts += [wrapped(f"{more}What each verdict rests on, all tables and how to read them, from {_records(found)}:") + f"\n{whole}"]
    return "\n\n".join(part for part in parts if part)


def _unfit(entries: Sequence[str]) -> str:
    """Return which methods do not forget or retain, the first `UNFIT` of them."""
    more = [f"and {len(entries) - UNFIT} more"] if len(entries) > UNFIT else []
    return "\n".join(_emphasised(wrapped(line, "- ", "  ")) for line in [*entries[:UNFIT], *more])


def _records(found: "Findings") -> str:
    return f"{len(found.collection.records)} records in {found.collection.folder}"


def table_text(table: Table) -> str:
    """Return a table as wide as the terminal, with its title and the first sentence of its note."""
    rows: list[Texts] = [{name: cell_text(cell) for name, cell in row.items()} for row in table.rows]
    names = list(dict.fromkeys(name for row in table.rows for name in row))
    common = [
        name for name in names if len(rows) > 1 and name in (*HEADINGS, "seeds") and len({row.get(name) for row in rows}) == 1
    ]
    headings = [name for name in HEADINGS if name in names and name not in common]
    kept = [name for name in names if name not in (*common, *headings)]
    shared = ", ".join(f"{rows[0][name]}" if name == "model" else f"{name} {rows[0][name]}" for name in common)
    numbers = {name for row in table.rows for name, cell in row.items() if isinstance(cell, Interval | Span | Chance)}
    lines = [bold(table.title) + (f" ({shared})" if shared else "")]
    for block in _blocks(kept, numbers, _widths(kept, rows)):
        lines += ["", *_block(block, headings, rows)]
    return "\n".join([*lines, "", *(faint(line) for line in wrapped(_brief(table.note)).splitlines())])


def _brief(note: str) -> str:
    """Return the first sentence of a note."""
    return re.split(r"(?<=\.)\s+(?=[A-Z`])", " ".join(note.split()), maxsplit=1)[0]


def _widths(names: Sequence[str], rows: Sequence[Texts]) -> dict[str, int]:
    """Return how wide each column is: as its longest cell, or the longest word of its name."""
    cells = {name: min(WIDEST, max(len(row.get(name, "")) for row in rows)) for name in names}
    return {name: max(cells[name], *map(len, name.split())) for name in names}


def _blocks(names: Sequence[str], numbers: set[str], widths: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Yield columns that fit the terminal together; those before the first number say what a row is, and are in each block."""
    first = next((place for place, name in enumerate(names) if name in numbers), len(names))
    keys = {name: widths[name] for name in names[:first]}
    while len(keys) > 1 and _taken(keys) > width() // 2:
        keys.popitem()
    block = dict(keys)
    for name in names[len(keys) :]:
        if len(block) > len(keys) and _taken(block | {name: widths[name]}) > width():
            yield block
            block = dict(keys)
        block[name] = widths[name]
    yield block


def _taken(block: Mapping[str, int]) -> int:
    return sum(block.values()) + len(GAP) * (len(block) - 1)


def _block(block: Mapping[str, int], headings: Sequence[str], rows: Sequence[Texts]) -> Iterator[str]:
    """Yield the lines of a block: its head, and rows below what they share."""
    yield from map(bold, _lines([wrap(name, block[name], break_long_words=False) for name in block], block, above=True))
    for shared, those in groupby(rows, key=lambda row: ", ".join(filter(None, (row.get(name, "") for name in headings)))):
        if headings and (shared or len(rows) > 1):
            yield shared or "(without such settings)"
        for row in those:
            yield from _lines([wrap(row.get(name, ""), block[name]) for name in block], block)


def _lines(cells: Sequence[Sequence[str]], block: Mapping[str, int], *, above: bool = False) -> Iterator[str]:
    """Yield cells of several lines beside each other; with `above` they end on the same line, else they begin there."""
    height = max(1, *map(len, cells))
    padded = [[""] * (height - len(cell)) + [*cell] if above else [*cell] + [""] * (height - len(cell)) for cell in cells]
    for parts in zip(*padded, strict=True):
        yield GAP.join(f"{part:<{size}}" for part, size in zip(parts, block.values(), strict=True)).rstrip()


def _emphasised(text: str) -> str:
    """Return Markdown's emphasis as the terminal's."""
    return re.sub(r"\*\*(.+?)\*\*", lambda match: bold(match[1]), text, flags=re.DOTALL)
