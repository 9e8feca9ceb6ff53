"""The settings that tell groups of runs of one method apart, as they are typed on a command line."""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from rna_bench.core.types import RunRecord
from rna_bench.runs.identity import NAME

LONGEST = 40
"""The longest value of a setting in a label."""
LABELLED = ("seed", NAME, "method._target_", "noise._target_", "noise.scale", "noise.unit")
"""Settings that the seed and the labels of method and noise show."""
SECTIONS = ("corpus", "trigger", "optimizer", "heldout")
"""Sections whose option is a setting: where that differs, it is shown in place of all that comes with it."""


class Described(NamedTuple):
    """A run's method, its settings as `section.key`, and the options of its sections."""

    method: str
    flat: Mapping[str, Any]
    options: Mapping[str, str]


def options_of(record: RunRecord) -> dict[str, str]:
    """Return the options that a run's sections were chosen by, and the names of its datasets."""
    chosen = {section: record.choices[section] for section in SECTIONS if section in record.config and section in record.choices}
    datasets = record.config.get("dataset")
    return chosen | ({"dataset": f"[{','.join(datasets)}]"} if datasets else {})


def varied(runs: Sequence[Described]) -> list[str]:
    """Return the keys whose values differ between runs of one method, less those that a column or the model's name shows.

    A key that some of them lack differs. Keys of a section differ only between runs of one option of it: between others the option
    does.
    """
    values: dict[tuple[str, str, str], set[str]] = {}
    present: Counter[tuple[str, str, str]] = Counter()
    runs_of: Counter[tuple[str, str, str]] = Counter()
    for method, flat, options in runs:
        for section in {"", *options, *(key.partition(".")[0] for key in flat)}:
            runs_of[section, method, options.get(section, "")] += 1
        for key, value in {**options, **flat}.items():
            section = key.partition(".")[0] if "." in key else ""
            place = (key, method, options.get(section, ""))
            values.setdefault(place, set()).add(repr(value))
            present[place] += 1

    def differs(key: str, method: str, option: str) -> bool:
        place = (key, method, option)
        lacking = present[place] < runs_of[key.partition(".")[0] if "." in key else "", method, option]
        return len(values[place]) > 1 or (lacking and not key.startswith("noise."))  # kinds of noise have keys of their own

    return sorted({place[0] for place in values if not _labelled(place[0]) and differs(*place)})


def _labelled(key: str) -> bool:
    return key in LABELLED or key.startswith("model.") or key.endswith(".world")


def shown(values: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return the settings that there are of these keys, as `key=value`, separated by commas."""
    return ", ".join(f"{key}={_short(_typed(values[key]))}" for key in keys if key in values)


def _typed(value: object) -> str:
    return f"[{','.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value)


def _short(value: str) -> str:
    """Return a value, of a long one its beginning and four digits of its hash."""
    return value if len(value) <= LONGEST else f"{value[:LONGEST]}…{sha256(value.encode()).hexdigest()[:4]}"
