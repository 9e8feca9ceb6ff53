"""The keys of a YAML file with their values and comments, as they are written."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml


class CommentedKey(NamedTuple):
    """A key of a YAML file, dotted, with its value as it is written and the comments above and behind it.

    The value is "" for a section, whose keys follow, and for a list with a line for each entry.
    """

    name: str
    value: str
    comment: str


def commented_keys(file: Path) -> list[CommentedKey]:
    """Return all keys of a YAML file, in its order."""
    text = file.read_text(encoding="utf-8")
    root = yaml.compose(text, yaml.SafeLoader)
    return [*_keys(root, "", text.splitlines())] if isinstance(root, yaml.MappingNode) else []


def _keys(section: yaml.MappingNode, prefix: str, lines: list[str]) -> Iterator[CommentedKey]:
    for key, value in section.value:
        name = f"{prefix}{key.value}"
        block = value.start_mark.line > key.end_mark.line
        end = key.end_mark if block else value.end_mark
        written = "" if block else lines[end.line][value.start_mark.column : end.column]
        behind = lines[end.line][end.column :].partition("# ")[2]
        above = [] if key.start_mark.line == 0 else _comment_above(key.start_mark.line, lines)
        yield CommentedKey(name, written, " ".join([*above, *([behind] if behind else [])]))
        if isinstance(value, yaml.MappingNode) and block:
            yield from _keys(value, f"{name}.", lines)


def _comment_above(number: int, lines: list[str]) -> list[str]:
    """Return the lines of the comment that ends right above a line; that at the head of the file is about all of it."""
    first = number
    while first > 0 and lines[first - 1].strip().startswith("#"):
        first -= 1
    return [line.strip().removeprefix("#").strip() for line in lines[first:number]] if first else []
