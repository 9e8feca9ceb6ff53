"""Verifying records: each must be what was written, and its scores must follow from its responses."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rna_bench.core.types import InputError, RunRecord
from rna_bench.reporting.attack_verification import attack_problems
from rna_bench.reporting.recompute import score_differences
from rna_bench.runs.collection import record_paths
from rna_bench.runs.integrity import differences, file_differences, has_hash
from rna_bench.runs.record import QUESTIONS, RECORD, parse

SHOWN = 3
"""How many differences of one record are shown."""


@dataclass(frozen=True)
class VerifiedRecord:
    """A record's folder, what does not agree in it, and whether it has hashes."""

    folder: Path
    problems: tuple[str, ...]
    signed: bool

    @property
    def line(self) -> str:
        """The folder and its first problems."""
        more = len(self.problems) - SHOWN
        return f"{self.folder}: {'; '.join(self.problems[:SHOWN])}{f'; and {more} more' if more > 0 else ''}"


def verify_records(folders: Iterable[Path]) -> list[VerifiedRecord]:
    """Return what verifying gives for each record in the folders, in those below them and in those further below, each once.

    No record at all raises InputError.
    """
    runs = list(dict.fromkeys(run for folder in folders for run in _runs(folder)))
    if not runs:
        raise InputError("verify", ", ".join(map(str, folders)), "holds no record; run something first, for instance rna-bench run")
    return [verify_run(run) for run in runs]


def _runs(folder: Path) -> Iterator[Path]:
    """Yield the folders of runs: those with a record, or with the responses of one that is missing."""
    found = {path.parent for name in (RECORD, QUESTIONS) for path in record_paths(folder, deep=True, name=name)}
    here = {folder} if (folder / RECORD).is_file() or (folder / QUESTIONS).is_file() else set()
    yield from sorted(found | here)


def verify_run(folder: Path) -> VerifiedRecord:
    """Return what does not agree in a run's folder."""
    if not (folder / RECORD).is_file():
        return VerifiedRecord(folder, (f"{RECORD} is missing",), signed=False)
    try:
        record, values = parse(folder / RECORD)
    except InputError as error:
        return VerifiedRecord(folder, (str(error),), signed=False)
    problems = [*differences(values, folder), *file_differences(values, folder)]
    if values["identity"] != folder.resolve().name:
        problems.append(f"belongs to run {values['identity']}, and the folder has another name")
    if (folder / QUESTIONS).is_file():
        problems += _recomputed(record, folder)
    problems += attack_problems(folder)
    return VerifiedRecord(folder, tuple(problems), has_hash(values))


def _recomputed(record: RunRecord, folder: Path) -> list[str]:
    try:
        return score_differences(record, folder / QUESTIONS)
    except (KeyError, TypeError, AttributeError) as error:  # a section of its config was removed
        return [f"its scores cannot be recomputed with its config ({type(error).__name__}: {error})"]


def summary(records: list[VerifiedRecord]) -> str:
    """Return how many records were verified, how many fail, and how many have no hashes."""
    failed, unsigned = sum(bool(one.problems) for one in records), sum(not one.signed for one in records)
    count = f"{len(records)} record{'s' if len(records) > 1 else ''}"
    head = f"{failed} of {count} fail: restore their files, or remove {RECORD} and run again" if failed else f"{count} verified"
    before = "; {} unsigned (written before records had hashes: losses and eval points could not be checked)"
    return head + (before.format(unsigned) if unsigned else "")
