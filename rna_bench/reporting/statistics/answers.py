"""Answers to single questions, read from the runs' folders: which are right, side by side for several runs."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy
import pyarrow
from numpy.typing import NDArray

from rna_bench.runs.collection import Recorded
from rna_bench.runs.record import QUESTIONS, read_responses

NOT_ASKED = -1
LOGPS = ("logp_a", "logp_b", "logp_c", "logp_d")


Key: TypeAlias = tuple[str, str]
"""What a question is known by: its task, and its id there."""


@dataclass(frozen=True)
class Sheet:
    """One run's answers: `right` (q, f) is 1, 0 or NOT_ASKED for each of q questions and f forms."""

    keys: tuple[Key, ...]
    perturbations: tuple[str, ...]
    right: NDArray[numpy.int8]


@dataclass(frozen=True)
class Sheets:
    """Runs' answers by identity, and a line for each run whose answers are missing or damaged."""

    found: dict[str, Sheet]
    left_out: tuple[str, ...]


def read_sheets(runs: Iterable[Recorded]) -> Sheets:
    """Return the answers of runs; those that cannot be read are named."""
    found: dict[str, Sheet] = {}
    left_out: list[str] = []
    for run in runs:
        try:
            found[run.record.identity] = read_sheet(run.folder / QUESTIONS)
        except (OSError, KeyError, ValueError, pyarrow.ArrowException) as error:
            reason = str(error).split("\n")[0]
            left_out.append(f"answers of {run.record.identity}, which tests and recovery lack: cannot be read ({reason})")
    return Sheets(found, tuple(left_out))


def read_sheet(path: Path) -> Sheet:
    """Return the answers in a run's questions.parquet; as in `Response.right` the first of the highest counts, and NaN never."""
    names = ["task", "question", "perturbation"]
    table = read_responses(path, [*names, *LOGPS, "answer"], coded=names)
    if not table.num_rows:
        return Sheet((), (), numpy.empty((0, 0), dtype=numpy.int8))
    right = right_rows(table)
    (task, tasks), (question, questions), (perturbation, perturbations) = (_coded(table.column(name)) for name in names)
    pairs, rows = numpy.unique(task * len(questions) + question, return_inverse=True)
    cells = numpy.full((len(pairs), len(perturbations)), NOT_ASKED, dtype=numpy.int8)
    cells[rows, perturbation] = right
    keys = zip(tasks[pairs // len(questions)], questions[pairs % len(questions)], strict=True)
    return Sheet(tuple(keys), tuple(perturbations), cells)


def right_rows(table: pyarrow.Table) -> NDArray[numpy.bool_]:
    """Return which rows of a file of answers are right."""
    logps = numpy.stack([table.column(name).to_numpy() for name in LOGPS], axis=1)
    return (logps.argmax(axis=1) == table.column("answer").to_numpy()) & numpy.isfinite(logps).all(axis=1)


def _coded(column: pyarrow.ChunkedArray) -> tuple[NDArray[numpy.int64], NDArray[numpy.object_]]:
    """Return a column of names as indices and the names."""
    whole = column.combine_chunks()
    coded = whole.chunk(0) if isinstance(whole, pyarrow.ChunkedArray) else whole
    return coded.indices.to_numpy().astype(numpy.int64), coded.dictionary.to_numpy(zero_copy_only=False)


def questions_of(sheets: Iterable[Sheet], tasks: Collection[str]) -> list[Key]:
    """Return the tasks' questions that any of the runs was asked, in order."""
    return sorted({key for sheet in sheets for key in sheet.keys if key[0] in tasks})


def panel(sheets: Sequence[Sheet], keys: Sequence[Key], perturbations: Sequence[str]) -> NDArray[numpy.float64]:
    """Return answers (f, s, q) of s runs on q questions in f forms: 1 right, 0 wrong, NaN not asked."""
    places = {key: place for place, key in enumerate(keys)}
    made = numpy.full((len(perturbations), len(sheets), len(keys)), numpy.nan)
    for index, sheet in enumerate(sheets):
        rows = [row for row, key in enumerate(sheet.keys) if key in places]
        columns = [places[sheet.keys[row]] for row in rows]
        for order, perturbation in enumerate(perturbations):
            if perturbation in sheet.perturbations:
                cells = sheet.right[rows, sheet.perturbations.index(perturbation)]
                made[order, index, columns] = numpy.where(cells == NOT_ASKED, numpy.nan, cells)
    return made
