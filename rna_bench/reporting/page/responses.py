"""Responses to single questions -> one bit each for right or wrong, in an order that runs of the same questions share."""

import base64
import hashlib
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import pyarrow
from numpy.typing import NDArray

from rna_bench.core.types import CLEAN, InputError
from rna_bench.reporting.statistics.responses import right_rows
from rna_bench.runs.record import QUESTIONS, read_responses

NAMES = ("task", "subject", "question", "perturbation")


class QuestionOrder(NamedTuple):
    """The questions that were asked as (task, subject, id); by perturbation, clean first, the places of those asked under it."""

    questions: tuple[tuple[str, str, str], ...]
    perturbations: tuple[tuple[str, tuple[int, ...]], ...]


class GradedResponses(NamedTuple):
    """One run's responses: whether each is right, perturbation by perturbation in `order`, and each question's answer (0..3)."""

    order: QuestionOrder
    right: NDArray[numpy.bool_]
    correct: tuple[int, ...]


class ResponseReader:
    """Reads runs' responses. Runs with the same questions in the same order share one `QuestionOrder`, which is computed once."""

    def __init__(self) -> None:
        self._orders: dict[bytes, tuple[QuestionOrder, NDArray[numpy.int64]]] = {}

    def read(self, folder: Path) -> GradedResponses:
        """Return the responses in a run's folder; a file that is missing or damaged raises InputError."""
        path = folder / QUESTIONS
        try:
            table = read_responses(path).combine_chunks()
            order, rows = self._order(table)
            right = right_rows(table)
            correct = table.column("answer").to_numpy()
        except (OSError, KeyError, ValueError, pyarrow.ArrowException) as error:
            remedy = "cannot be read; the page shows neither flipped questions nor subjects of this run"
            raise InputError("questions", path, f"{remedy} ({type(error).__name__})") from error
        return GradedResponses(order, right[rows], tuple(correct[rows][: len(order.questions)].tolist()))

    def _order(self, table: pyarrow.Table) -> tuple[QuestionOrder, NDArray[numpy.int64]]:
        key = hashlib.blake2b()
        columns = [table.column(name) for name in NAMES if name in table.column_names]
        for buffer in (buffer for column in columns for chunk in column.chunks for buffer in chunk.buffers() if buffer):
            key.update(buffer)
        if key.digest() not in self._orders:
            self._orders[key.digest()] = _ordered(table)
        return self._orders[key.digest()]


def _ordered(table: pyarrow.Table) -> tuple[QuestionOrder, NDArray[numpy.int64]]:
    """Return the order of questions, and the table's row numbers in it: by perturbation, clean first, and then by name."""
    columns = {name: table.column(name).to_pylist() for name in NAMES if name in table.column_names}
    subjects = columns.get("subject") or [name.rpartition("/")[0] for name in columns["question"]]  # files of schema 1 have none
    perturbations = sorted(dict.fromkeys(columns["perturbation"]), key=lambda name: name != CLEAN)
    places_of = map(perturbations.index, columns["perturbation"])
    cells = list(zip(places_of, columns["task"], subjects, columns["question"], strict=True))
    rows = sorted(range(len(cells)), key=cells.__getitem__)
    questions = tuple(cells[row][1:] for row in rows if cells[row][0] == 0)
    places = {question: place for place, question in enumerate(questions)}
    by_perturbation = tuple(
        (perturbation, tuple(places[cells[row][1:]] for row in rows if cells[row][0] == at))
        for at, perturbation in enumerate(perturbations)
    )
    return QuestionOrder(questions, by_perturbation), numpy.array(rows, dtype=int)


def subject_counts(responses: GradedResponses) -> dict[str, list[list[int]]]:
    """Return, by perturbation, how many questions of each subject were asked and how many are right, in the order of subjects."""
    counts: dict[str, list[list[int]]] = {}
    start, size = 0, len(order_json(responses.order)["groups"])
    for perturbation, groups in _groups(responses.order):
        right = responses.right[start : start + len(groups)]
        asked = numpy.bincount(groups, minlength=size)
        counts[perturbation] = [asked.tolist(), numpy.bincount(groups, right, size).astype(int).tolist()]
        start += len(groups)
    return counts


@cache
def _groups(order: QuestionOrder) -> tuple[tuple[str, NDArray[numpy.int64]], ...]:
    """Return, by perturbation, the number of the subject of each question asked under it."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(question[:2] for question in order.questions))}
    of = numpy.array([numbers[question[:2]] for question in order.questions], dtype=int)
    return tuple((perturbation, of[numpy.array(places, dtype=int)]) for perturbation, places in order.perturbations)


def thinned(runs: Sequence[GradedResponses], budget: int) -> tuple[int, list[GradedResponses]]:
    """Return k and the responses to one in k questions, with the smallest k that keeps all runs' bits within the budget."""
    every = max(1, math.ceil(sum(responses.right.size for responses in runs) / budget))
    return every, [_one_in(every, responses) for responses in runs] if every > 1 else list(runs)


def _one_in(every: int, responses: GradedResponses) -> GradedResponses:
    order = responses.order
    new_places = {place: new for new, place in enumerate(range(0, len(order.questions), every))}
    perturbations = tuple(
        (perturbation, tuple(new_places[place] for place in places if place in new_places))
        for perturbation, places in order.perturbations
    )
    mask = [place in new_places for _, places in order.perturbations for place in places]
    return GradedResponses(
        QuestionOrder(order.questions[::every], perturbations), responses.right[mask], responses.correct[::every]
    )


def bits(right: NDArray[numpy.bool_]) -> str:
    """Return the bits in base64, the first in the highest place of the first byte."""
    return base64.b64encode(numpy.packbits(right).tobytes()).decode()


@cache
def order_json(order: QuestionOrder) -> dict[str, Any]:
    """Return the order as the page's scripts read it: ids by task and subject, and spans of places by perturbation."""
    groups: dict[tuple[str, str], list[str]] = {}
    for task, subject, name in order.questions:
        groups.setdefault((task, subject), []).append(name)
    listed = [[task, subject, names] for (task, subject), names in groups.items()]
    return {"groups": listed, "perturbations": {perturbation: _spans(places) for perturbation, places in order.perturbations}}


def _spans(places: Sequence[int]) -> list[list[int]]:
    """Return rising places as spans [first, count]."""
    spans: list[list[int]] = []
    for place in places:
        if spans and sum(spans[-1]) == place:
            spans[-1][1] += 1
        else:
            spans.append([place, 1])
    return spans
