"""Text as wide as the terminal: 80 columns where there is none; and its colours."""

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence

WIDEST = 120
"""Columns that prose and lists take at most, however wide the terminal is."""
GAP = "  "


def width() -> int:
    """Return how many columns lines may take."""
    return min(WIDEST, shutil.get_terminal_size().columns)


def has_colours() -> bool:
    """Return whether standard output shows colours: a terminal where NO_COLOR is not set (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def bold(text: str) -> str:
    """Return the text in bold where standard output shows colours."""
    return f"\033[1m{text}\033[0m" if has_colours() else text


def faint(text: str) -> str:
    """Return the text in a fainter colour where standard output shows colours."""
    return f"\033[2m{text}\033[0m" if has_colours() else text


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
