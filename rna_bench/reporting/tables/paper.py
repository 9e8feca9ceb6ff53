"""Reference numbers of papers beside ours, where model, method, noise, task and perturbation are the same."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from rna_bench.core.types import InputError
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval
from rna_bench.reporting.statistics.pairs import score_interval
from rna_bench.reporting.tables.table import Table, TableRow

ACCURACY = "accuracy.csv"
NOTE = (
    "Accuracy in %: the source's (± its standard error), ours (with its 95% interval, see `accuracy`), and ours less "
    "the source's, with our interval alone. Settings may differ: see `section`. Why a cell could not be read is in "
    "`results/paper/accuracy.csv`."
)


@dataclass(frozen=True)
class Reference:
    """A number of a paper, in %; accuracy and standard error are empty where they could not be read, and `reason` says why."""

    model: str
    method: str
    noise: str
    task: str
    perturbation: str
    accuracy: str
    stderr: str
    source: str
    section: str
    reason: str


def references(folder: Path) -> list[Reference]:
    """Return the reference numbers of a folder; a file with other columns raises InputError."""
    path, columns = folder / ACCURACY, [field.name for field in fields(Reference)]
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            rows = list(reader)
    except OSError as error:
        raise InputError("--paper", path, f"cannot be read ({error.strerror})") from error
    if reader.fieldnames != columns:
        raise InputError("--paper", path, f"has other columns than {', '.join(columns)}")
    return [Reference(*(row[name] for name in columns)) for row in rows]


def against(groups: Sequence[Group], folder: Path) -> tuple[list[Table], str]:
    """Return the table of reference numbers beside ours; where it is empty, no table and a text that says why."""
    published = references(folder)
    ours = {group.model for group in groups}
    rows = [row for reference in published if reference.model in ours and (row := _row(reference, groups))]
    if rows:
        return [Table("paper", "Beside the paper", NOTE, rows)], ""
    models = ", ".join(sorted({reference.model for reference in published}))
    return [], (
        "## Beside the paper\n\n"
        f"There is nothing to compare these records with: the reference numbers are of {models}, the records of "
        f"{', '.join(sorted(ours))}. Numbers of different models are not comparable."
    )


def _row(reference: Reference, groups: Sequence[Group]) -> TableRow | None:
    """Return a source's number with ours beside it; None where both are missing."""
    measured = [mean for group in groups if (mean := _ours(reference, group))]
    if not reference.accuracy and not measured:
        return None
    theirs = float(reference.accuracy) if reference.accuracy else None
    error = f" ± {reference.stderr}" if reference.stderr else ""
    ours = measured[0] if measured else None
    return {
        "model": reference.model,
        "method": reference.method,
        "noise": reference.noise,
        "task": reference.task,
        "perturbation": reference.perturbation,
        "paper": f"{reference.accuracy}{error}" or "could not be read",
        "ours": ours or "",
        "difference": "" if ours is None or theirs is None else _less(ours, theirs),
        "source": reference.source,
        "section": reference.section,
    }


def _less(ours: Interval, theirs: float) -> Interval:
    low, high = (None if end is None else end - theirs for end in (ours.low, ours.high))
    return ours._replace(mean=ours.mean - theirs, low=low, high=high)


def _ours(reference: Reference, group: Group) -> Interval | None:
    if (group.model, group.method, group.noise) != (reference.model, reference.method, reference.noise):
        return None
    scores = [
        score
        for run in group.runs.values()
        for score in run.scores
        if (score.task, score.perturbation) == (reference.task, reference.perturbation)
    ]
    return score_interval(scores) if scores else None
