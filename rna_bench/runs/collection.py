"""Many records at once: the folder that a name stands for, the records read there, and a line for each one left out."""

import logging
from dataclasses import dataclass
from pathlib import Path

from rna_bench.core.conf_files import config_folder
from rna_bench.core.types import InputError, RunRecord
from rna_bench.runs.faults import fault
from rna_bench.runs.record import RECORD, read

LOG = logging.getLogger(__name__)
PLACES = (Path("results/runs"), Path("results/published"))
"""Where a name that is not a folder itself is looked up: your own runs come first."""
CLONE = config_folder("conf").parent / PLACES[1]
"""The published runs of the clone that the package lies in, if it does: they are found from any folder."""


@dataclass(frozen=True)
class Recorded:
    """A record and its folder, which also has the responses to single questions."""

    record: RunRecord
    folder: Path


@dataclass(frozen=True)
class Collection:
    """The records below a folder, in the order of their paths, each identity once; and a line for each record left out.

    `again` are records whose identity an earlier one has: two sweeps may share a base run, and each is compared with it.
    """

    folder: Path
    runs: tuple[Recorded, ...]
    left_out: tuple[str, ...]
    again: tuple[Recorded, ...] = ()

    @property
    def records(self) -> list[RunRecord]:
        """The records alone."""
        return [run.record for run in self.runs]


def find(name: str | None = None) -> Path:
    """Return the folder that a name stands for: that folder, or the one of that name among your own or the published runs.

    `published` stands for all published runs, and no name for your own; where these hold no record, InputError lists what there is.
    """
    if name is None:
        if record_paths(PLACES[0], deep=True):
            return PLACES[0]
        raise InputError("results", PLACES[0], f"holds no record; run something first, or give a name: {_names_text()}")
    places = (*PLACES, CLONE)
    for folder in (Path(name), *(place / name for place in places), *(place for place in places if place.name == name)):
        if folder.is_dir():
            return folder
    raise InputError("results", name, f"is not a folder of records; give one, or a name: {_names_text()}")


def _names_text() -> str:
    """Return the names of folders of records, each with how many there are."""
    folders = [path for place in (*PLACES, CLONE) if place.is_dir() for path in sorted(place.glob("[!.]*")) if path.is_dir()]
    counts = {path.name: len(record_paths(path, deep=True)) for path in folders}
    return ", ".join(f"{name} ({count} records)" for name, count in counts.items() if count) or "there is none yet"


def record_paths(folder: Path, *, deep: bool, name: str = RECORD) -> list[Path]:
    """Return the paths of records (or of files of another name) in the subfolders, with `deep` also one level further down."""
    return sorted([*folder.glob(f"*/{name}"), *(folder.glob(f"*/*/{name}") if deep else ())])


def report_left_out(collection: Collection) -> None:
    """Log a line for each record left out, on standard error."""
    for line in collection.left_out:
        LOG.warning("left out %s", line)


def collect(folder: Path, *, deep: bool = False) -> Collection:
    """Return the records in the subfolders of a folder; those damaged, changed or of another version are listed as left out.

    With `deep`, also those one level further down (the sweeps below `results/published`). The folder of one run has its record
    alone. No record at all raises InputError.
    """
    runs: dict[str, Recorded] = {}
    left_out: list[str] = []
    again: list[Recorded] = []
    own = folder / RECORD
    for path in [own] if own.is_file() else record_paths(folder, deep=deep):
        try:
            record = _usable(path)
        except InputError as error:
            left_out.append(f"{path.parent.name}: {error}")
        else:
            run = Recorded(record, path.parent)
            if runs.setdefault(record.identity, run) is not run:
                again.append(run)
    if not runs:
        lines = "".join(f"; left out {line}" for line in left_out)
        raise InputError("results", folder, f"holds no record{lines}; run something first, for instance rna-bench run")
    return Collection(folder, tuple(runs.values()), tuple(left_out), tuple(again))


def _usable(path: Path) -> RunRecord:
    record = read(path, path.parent.name)
    if reason := fault(record):
        raise InputError("record", path, f"cannot be used ({reason}); remove it and run again")
    return record
