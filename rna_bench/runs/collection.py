"""Many records at once: where a name leads to, what is read there, and what is left out, never silently."""

from dataclasses import dataclass
from pathlib import Path

from rna_bench.core.types import InputError, RunRecord
from rna_bench.runs.record import RECORD, read

PLACES = (Path("results/runs"), Path("results/published"))
"""Where a name is looked for when it is no folder itself: one's own runs come first."""


@dataclass(frozen=True)
class Recorded:
    """A record and the folder that it lies in, beside the answers to single questions."""

    record: RunRecord
    folder: Path


@dataclass(frozen=True)
class Collection:
    """The records below a folder, in the order of their paths, each identity once; and a line for each that is left out.

    `again` are those of an identity that a run before them has: two sweeps may have the same base run, and each is judged by it.
    """

    folder: Path
    runs: tuple[Recorded, ...]
    left_out: tuple[str, ...]
    again: tuple[Recorded, ...] = ()

    @property
    def records(self) -> list[RunRecord]:
        """The records alone."""
        return [run.record for run in self.runs]


def find(name: str) -> Path:
    """Return the folder that a name stands for: a folder as it is, or one of that name among one's own runs, or the published."""
    for folder in (Path(name), *(place / name for place in PLACES)):
        if folder.is_dir():
            return folder
    known = sorted({path.name for place in PLACES if place.is_dir() for path in place.iterdir() if path.is_dir()})
    raise InputError("results", name, f"is no folder of records; give one, or a name: {', '.join(known) or 'there is none yet'}")


def collect(folder: Path, *, deep: bool = False) -> Collection:
    """Return what can be read in the folders below a folder; damaged records and those of another version are named, not raised.

    With `deep`, folders of folders, too (the sweeps below `results/published`). No record at all raises InputError.
    """
    runs: dict[str, Recorded] = {}
    left_out: list[str] = []
    again: list[Recorded] = []
    for path in sorted([*folder.glob(f"*/{RECORD}"), *(folder.glob(f"*/*/{RECORD}") if deep else ())]):
        try:
            record = read(path)
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
