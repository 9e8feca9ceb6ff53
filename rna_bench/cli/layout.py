"""Text as wide as the terminal: 80 columns where there is none."""

import shutil
import textwrap
from collections.abc import Sequence

WIDEST = 120
"""Columns that prose and lists take at most, however wide the terminal is."""
GAP = "  "


def width() -> int:
    """Return how many columns lines may take."""
    return min(WIDEST, shutil.get_terminal_size().columns)


def wrapped(text: str, first: str = "", others: str = "") -> str:
    """Return a paragraph in lines that fit, behind what the first line and what the others begin with."""
    return textwrap.fill(
        text, width(), initial_indent=first, subsequent_indent=others, break_on_hyphens=False, break_long_words=False
    )


def cut(line: str) -> str:
    """Return a line that fits: the end of a longer one is left out."""
    return line if len(line) <= width() else f"{line[: width() - 2].rstrip()} …"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells in columns; where a line would be too long, the end of it is left out."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [cut(GAP.join(f"{cell:<{size}}" for cell, size in zip(row, widths, strict=True)).rstrip()) for row in rows]
