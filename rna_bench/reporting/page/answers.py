"""Answers to single questions -> which were right, a bit each, in an order that runs of the same questions share."""

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
from rna_bench.reporting.statistics.answers import right_rows
from rna_bench.runs.record import QUESTIONS, read_responses

NAMES = ("task", "subject", "question", "perturbation")


class EvalSet(NamedTuple):
    """What was asked: questions as (task, subject, id), and by form, clean first, the places of those asked in it."""

    questions: tuple[tuple[str, str, str], ...]
    perturbations: tuple[tuple[str, tuple[int, ...]], ...]


class Answers(NamedTuple):
    """One run's: whether each was right, form by form in the exam's order, and the right choice (0..3) of each question."""

    exam: EvalSet
    right: NDArray[numpy.bool_]
    correct: tuple[int, ...]


class Reader:
    """Reads answers; runs that were asked the same in the same order share the work of putting it in order."""

    def __init__(self) -> None:
        self._orders: dict[bytes, tuple[EvalSet, NDArray[numpy.int64]]] = {}

    def read(self, folder: Path) -> Answers:
        """Return the answers in a run's folder; a file that is missing or damaged raises InputError."""
        path = folder / QUESTIONS
        try:
            table = read_responses(path).combine_chunks()
            exam, order = self._order(table)
            right = right_rows(table)
            correct = table.column("answer").to_numpy()
        except (OSError, KeyError, ValueError, pyarrow.ArrowException) as error:
            remedy = "cannot be read; the page has no flipped questions nor subjects of this run"
            raise InputError("questions", path, f"{remedy} ({type(error).__name__})") from error
        return Answers(exam, right[order], tuple(correct[order][: len(exam.questions)].tolist()))

    def _order(self, table: pyarrow.Table) -> tuple[EvalSet, NDArray[numpy.int64]]:
        key = hashlib.blake2b()
        columns = [table.column(name) for name in NAMES if name in table.column_names]
        for buffer in (buffer for column in columns for chunk in column.chunks for buffer in chunk.buffers() if buffer):
            key.update(buffer)
        if key.digest() not in self._orders:
            self._orders[key.digest()] = _ordered(table)
        return self._orders[key.digest()]


def _ordered(table: pyarrow.Table) -> tuple[EvalSet, NDArray[numpy.int64]]:
    """Return what was asked, and the order that brings a table's rows to it: by form, clean first, and then by name."""
    columns = {name: table.column(name).to_pylist() for name in NAMES if name in table.column_names}
    subjects = columns.get("subject") or [name.rpartition("/")[0] for name in columns["question"]]  # older files have none
    perturbations = sorted(
        dict.fromkeys(columns["perturbation"]), key=lambda perturbation: perturbation != CLEAN
    )  # else as they come
    cells = list(
        zip(map(perturbations.index, columns["perturbation"]), columns["task"], subjects, columns["question"], strict=True)
    )
    order = sorted(range(len(cells)), key=cells.__getitem__)
    questions = tuple(cells[i][1:] for i in order if cells[i][0] == 0)
    places = {question: place for place, question in enumerate(questions)}
    asked = tuple(
        (perturbation, tuple(places[cells[i][1:]] for i in order if cells[i][0] == at))
        for at, perturbation in enumerate(perturbations)
    )
    return EvalSet(questions, asked), numpy.array(order)


def subject_counts(answers: Answers) -> dict[str, list[list[int]]]:
    """Return, by form, how many questions of each subject were asked and how many were right, subjects in the exam's order."""
    counts: dict[str, list[list[int]]] = {}
    start, size = 0, len(exam_json(answers.exam)["groups"])
    for perturbation, groups in _groups(answers.exam):
        right = answers.right[start : start + len(groups)]
        asked = numpy.bincount(groups, minlength=size)
        counts[perturbation] = [asked.tolist(), numpy.bincount(groups, right, size).astype(int).tolist()]
        start += len(groups)
    return counts


@cache
def _groups(exam: EvalSet) -> tuple[tuple[str, NDArray[numpy.int64]], ...]:
    """Return, by form, the number of the subject that each question asked in it belongs to."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(question[:2] for question in exam.questions))}
    of = numpy.array([numbers[question[:2]] for question in exam.questions])
    return tuple((perturbation, of[list(places)]) for perturbation, places in exam.perturbations)


def thinned(found: Sequence[Answers], budget: int) -> tuple[int, list[Answers]]:
    """Return answers to one in k questions, with the smallest k that keeps all runs' bits within the budget; and that k."""
    every = max(1, math.ceil(sum(answers.right.size for answers in found) / budget))
    return every, [_one_in(every, answers) for answers in found] if every > 1 else list(found)


def _one_in(every: int, answers: Answers) -> Answers:
    exam = answers.exam
    kept = {place: new for new, place in enumerate(range(0, len(exam.questions), every))}
    perturbations = tuple(
        (perturbation, tuple(kept[place] for place in places if place in kept)) for perturbation, places in exam.perturbations
    )
    mask = [place in kept for _, places in exam.perturbations for place in places]
    return Answers(EvalSet(exam.questions[::every], perturbations), answers.right[mask], answers.correct[::every])


def bits(right: NDArray[numpy.bool_]) -> str:
    """Return the bits in base64, the first in the highest place of the first byte."""
    return base64.b64encode(numpy.packbits(right).tobytes()).decode()


@cache
def exam_json(exam: EvalSet) -> dict[str, Any]:
    """Return the exam as the page reads it: ids by task and subject, and runs of places by form."""
    groups: dict[tuple[str, str], list[str]] = {}
    for task, subject, name in exam.questions:
        groups.setdefault((task, subject), []).append(name)
    listed = [[task, subject, names] for (task, subject), names in groups.items()]
    return {"groups": listed, "forms": {perturbation: _spans(places) for perturbation, places in exam.perturbations}}


def _spans(places: Sequence[int]) -> list[list[int]]:
    """Return rising places as spans, [first, how many]."""
    spans: list[list[int]] = []
    for place in places:
        if spans and sum(spans[-1]) == place:
            spans[-1][1] += 1
        else:
            spans.append([place, 1])
    return spans
