"""A line about each record of a folder, read without the classes of records: quick, and lenient with earlier schemas."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rna_bench.core.renames import current
from rna_bench.runs.collection import record_paths
from rna_bench.runs.labels import method_of_run, noise_of_run

UNKNOWN = "?"


@dataclass(frozen=True)
class RunLine:
    """A run in words: the name of its folder, what was run, how it ended (`unreadable`, for a damaged record), and the day."""

    name: str
    folder: Path
    model: str
    method: str
    noise: str
    seed: str
    status: str
    day: str


def run_lines(folder: Path) -> Iterator[RunLine]:
    """Yield a line for each record in the subfolders of a folder, and in theirs."""
    for path in record_paths(folder, deep=True):
        try:
            yield _line(path.parent, json.loads(path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            yield RunLine(path.parent.name, path.parent, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, "unreadable", UNKNOWN)


def _line(folder: Path, values: dict[str, Any]) -> RunLine:
    config, choices = current(values["config"]), values["choices"]
    method, noise = method_of_run(config, choices), noise_of_run(config)
    day = str(values.get("measured", {}).get("finished", UNKNOWN))[:10]
    return RunLine(folder.name, folder, values["model"], method, noise, str(config["seed"]), values["status"], day)
