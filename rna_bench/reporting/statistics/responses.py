"""Responses to single questions, read from the runs' folders: which are right, side by side for several runs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy
import pyarrow
from numpy.typing import NDArray

from rna_bench.runs.collection import Recorded
from rna_bench.runs.record import LOGPS, QUESTIONS, read_responses

NOT_ASKED = -1
QuestionKey: TypeAlias = tuple[str, str]
"""A question's task, and its id in that task."""


@dataclass(frozen=True)
class ResponseMatrix:
    """One run's responses: `right` (q, p) is 1, 0 or NOT_ASKED for each of q questions and p perturbations."""

    keys: tuple[QuestionKey, ...]
    perturbations: tuple[str, ...]
    right: NDArray[numpy.int8]


@dataclass(frozen=True)
class ResponseMatrices:
    """Response matrices by the run's identity, and a line for each run whose responses are missing or damaged."""

    by_run: Mapping[str, ResponseMatrix]
    left_out: tuple[str, ...]


def read_response_matrices(runs: Iterable[Recorded]) -> ResponseMatrices:
    """Return the responses of runs; `left_out` names those that cannot be read."""
    by_run: dict[str, ResponseMatrix] = {}
    left_out: list[str] = []
    for run in runs:
        try:
            by_run[run.record.identity] = read_response_matrix(run.folder / QUESTIONS)
        except (OSError, KeyError, ValueError, pyarrow.ArrowException) as error:
            reason = str(error).split("\n")[0]
            left_out.append(f"responses of {run.record.identity}: cannot be read, so tests and recovery lack them ({reason})")
    return ResponseMatrices(by_run, tuple(left_out))


def read_response_matrix(path: Path) -> ResponseMatrix:
    """Return the responses in a run's questions.parquet, graded as in `right_rows`."""
    names = ["task", "question", "perturbation"]
    table = read_responses(path, [*names, *LOGPS, "answer"], coded=names)
    if not table.num_rows:
        return ResponseMatrix((), (), numpy.empty((0, 0), dtype=numpy.int8))
    right = right_rows(table)
    (task, tasks), (question, questions), (perturbation, perturbations) = (coded(table.column(name)) for name in names)
    pairs, rows = numpy.unique(task * len(questions) + question, return_inverse=True)
    cells = numpy.full((len(pairs), len(perturbations)), NOT_ASKED, dtype=numpy.int8)
    cells[rows, perturbation] = right
    keys = zip(tasks[pairs // len(questions)], questions[pairs % len(questions)], strict=True)
    return ResponseMatrix(tuple(keys), tuple(perturbations), cells)


def right_rows(table: pyarrow.Table) -> NDArray[numpy.bool_]:
    """Return which rows of a table of responses are right.

    As in `Response.right`, the first of several equal highest log-likelihoods counts, and a row with NaN is never right.
    """
    logps = numpy.stack([table.column(name).to_numpy() for name in LOGPS], axis=1)
    return (logps.argmax(axis=1) == table.column("answer").to_numpy()) & numpy.isfinite(logps).all(axis=1)


def coded(column: pyarrow.ChunkedArray) -> tuple[NDArray[numpy.int64], NDArray[numpy.object_]]:
    """Return a dictionary-encoded column as indices, and the names that they point to."""
    whole = column.combine_chunks()
    coded = whole.chunk(0) if isinstance(whole, pyarrow.ChunkedArray) else whole
    return coded.indices.to_numpy().astype(numpy.int64), coded.dictionary.to_numpy(zero_copy_only=False)


def questions_of(matrices: Iterable[ResponseMatrix], tasks: Collection[str]) -> list[QuestionKey]:
    """Return the tasks' questions that any of the runs was asked, sorted."""
    return sorted({key for matrix in matrices for key in matrix.keys if key[0] in tasks})


def correctness(
    matrices: Sequence[ResponseMatrix], keys: Sequence[QuestionKey], perturbations: Sequence[str]
) -> NDArray[numpy.float64]:
    """Return correctness (p, s, q) of s runs on q questions under p perturbations: 1 right, 0 wrong, NaN not asked."""
    places = {key: place for place, key in enumerate(keys)}
    values = numpy.full((len(perturbations), len(matrices), len(keys)), numpy.nan)
    for index, matrix in enumerate(matrices):
        rows = [row for row, key in enumerate(matrix.keys) if key in places]
        columns = [places[matrix.keys[row]] for row in rows]
        for order, perturbation in enumerate(perturbations):
            if perturbation in matrix.perturbations:
                cells = matrix.right[rows, matrix.perturbations.index(perturbation)]
                values[order, index, columns] = numpy.where(cells == NOT_ASKED, numpy.nan, cells)
    return values
