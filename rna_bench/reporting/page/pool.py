"""Values that many runs share are written once, in a list; runs refer to them by index."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from rna_bench.reporting.statistics.data_settings import flattened

ABSOLUTE = re.compile(r"(^|=|\s)(?:~|[A-Za-z]:)?[/\\][^\s]*[/\\]")
"""The folders of an absolute path, which depend on the machine and are left out."""


class Pool:
    """A list without repetitions."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._places: dict[str, int] = {}

    def place(self, item: Any) -> int:
        """Return the item's index in the list; a new item is appended."""
        key = json.dumps(item)
        if key not in self._places:
            self._places[key] = len(self.items)
            self.items.append(item)
        return self._places[key]


def flat_text(section: Mapping[str, Any]) -> dict[str, str]:
    """Return nested values as `section.key` and the value's text."""
    return {key: value_text(value) for key, value in flattened(section).items()}


def value_text(value: Any) -> str:
    """Return a value's text: that of 1 and 1.0 is the same, and of an absolute path the last part remains."""
    if isinstance(value, str):
        return ABSOLUTE.sub(r"\1…/", value)
    if isinstance(value, list | tuple):
        return ", ".join(map(value_text, value))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value)


def rounded(value: float | None, digits: int = 4) -> float | None:
    """Return the number with this many significant digits; None for numbers that JSON cannot represent."""
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() else short  # 131, which is shorter than 131.0
