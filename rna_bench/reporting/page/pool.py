"""What many runs have in common is written once, and named by its place in a list."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

ABSOLUTE = re.compile(r"(^|=|\s)(?:~|[A-Za-z]:)?[/\\][^\s]*[/\\]")
"""The folders of an absolute path: they belong to the machine that a run was made on, and are left out."""


class Pool:
    """A list without repetitions."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._places: dict[str, int] = {}

    def place(self, item: Any) -> int:
        """Return the item's place in the list; it is put there when it is new."""
        key = json.dumps(item)
        if key not in self._places:
            self._places[key] = len(self.items)
            self.items.append(item)
        return self._places[key]


def flat(section: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested values as `section.key` and the value in words."""
    found: dict[str, str] = {}
    for key, value in section.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": words(value)}
    return found


def words(value: Any) -> str:
    """Return a value as it is shown: 1 and 1.0 are the same number, and of an absolute path the last part is left."""
    if isinstance(value, str):
        return ABSOLUTE.sub(r"\1…/", value)
    if isinstance(value, list | tuple):
        return ", ".join(map(words, value))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value)


def digits(value: float | None, count: int = 4) -> float | None:
    """Return the number with so many significant digits; None for what JSON has no word for."""
    return float(f"{value:.{count}g}") if value is not None and math.isfinite(value) else None
