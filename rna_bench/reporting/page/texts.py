"""Question texts for the page: of the fictional world alone, rebuilt from a record's settings. Other texts are never included."""

import json
from collections.abc import Mapping
from typing import Any

from rna_bench.core.perturbed import TriggerPool
from rna_bench.core.types import CLEAN, Question, RunRecord, TriggerType
from rna_bench.data.changes import change
from rna_bench.data.triggers import perturbations
from rna_bench.pocket.sources import PocketQuestions, PocketWords
from rna_bench.reporting.page.responses import GradedResponses
from rna_bench.runs.identity import public_name

QUESTIONS, WORDS = PocketQuestions.__name__, PocketWords.__name__
NO_WORDS = TriggerPool((), (), {}, {})
SETS = 20
"""The most sets of texts in a page, about 80 kB each; runs of further worlds and seeds show the ids of their questions."""


class TextSets:
    """Sets of texts, one for each world and seed; runs refer to them by index."""

    def __init__(self) -> None:
        self.items: list[list[list[Any] | None] | None] = []
        self._places: dict[str, int] = {}

    def place(self, record: RunRecord, responses: GradedResponses) -> int | None:
        """Return the index of a run's texts; None where it has none, or where there are `SETS` already."""
        sections = record.config.get("dataset") or {}
        if not any(public_name(section.get("_target_")) == QUESTIONS for section in sections.values()):
            return None
        of = (record.config["seed"], record.fingerprints.get("questions"), sections, record.config.get("trigger"))
        key = json.dumps(of, sort_keys=True)
        if key not in self._places and len(self.items) < SETS:
            self._places[key] = len(self.items)
            self.items.append(texts(record, responses))
        return self._places.get(key)


def texts(record: RunRecord, responses: GradedResponses) -> list[list[Any] | None] | None:
    """Return the text of each question in the order of the responses; None for a question that is not of the fictional world.

    Each text is [text, answer, {perturbation: [start, removed, inserted]}]. The whole is None where a rebuilt question differs
    from the one that was asked.
    """
    rebuilt = _rebuilt(record)
    tasks = {task for task, _, _ in rebuilt}
    in_order: list[list[Any] | None] = []
    for question, correct in zip(responses.order.questions, responses.correct, strict=True):
        if question[0] in tasks and (question not in rebuilt or rebuilt[question][CLEAN].answer != correct):
            return None
        in_order.append(_text(rebuilt[question]) if question in rebuilt else None)
    return in_order


def _rebuilt(record: RunRecord) -> dict[tuple[str, str, str], dict[str, Question]]:
    """Return the run's questions of the fictional world under all perturbations, by task, subject and id."""
    seed, rebuilt = record.config["seed"], {}
    words = _words(record.config.get("trigger") or {})
    trigger_pool = words.pool(seed) if words else NO_WORDS
    for task, section in record.config["dataset"].items():
        if public_name(section.get("_target_")) != QUESTIONS:
            continue
        trigger_types, count = (words.types, words.count) if words and section["role"] == "retain" else ((), 1)
        for question in PocketQuestions(*(section[key] for key in ("role", "world", "hazard", "limit"))).questions(seed):
            rebuilt[task, question.subject, question.id] = perturbations(question, trigger_types, trigger_pool, seed, count)
    return rebuilt


def _words(section: Mapping[str, Any]) -> PocketWords | None:
    """Return the fictional world's trigger words; None where the record's are others."""
    if public_name(section.get("_target_")) != WORDS:
        return None
    return PocketWords([TriggerType(name) for name in section["types"]], section.get("count", 1), section["world"])


def _text(perturbed: Mapping[str, Question]) -> list[Any]:
    clean = _lines(perturbed[CLEAN])
    changes = {name: change(clean, _lines(question)) for name, question in perturbed.items() if name != CLEAN}
    return [clean, perturbed[CLEAN].answer, changes]


def _lines(question: Question) -> str:
    return "\n".join((question.stem, *question.choices))
