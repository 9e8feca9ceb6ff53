"""Question texts for the page: of the fictional world alone, made anew from a record's settings; no other text ever goes in."""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from rna_bench.core.types import CLEAN, Question, RunRecord, TriggerPool, TriggerType
from rna_bench.data.triggers import perturbations
from rna_bench.pocket.sources import PocketQuestions, PocketWords
from rna_bench.reporting.page.answers import Answers
from rna_bench.runs.identity import public_name

ASKED, WORDS = PocketQuestions.__name__, PocketWords.__name__
NO_WORDS = TriggerPool((), (), {}, {})
SETS = 20
"""The most sets of texts in a page, about 80 kB each; runs of further worlds and seeds show the names of their questions."""


class TextSets:
    """Sets of texts, one for each world and seed; runs name places among them."""

    def __init__(self) -> None:
        self.items: list[list[list[Any] | None] | None] = []
        self._places: dict[str, int] = {}

    def place(self, record: RunRecord, answers: Answers) -> int | None:
        """Return the place of a run's texts; None where there are none, or no more are taken."""
        sections = record.config.get("dataset") or {}
        if not any(public_name(section.get("_target_")) == ASKED for section in sections.values()):
            return None
        of = (record.config["seed"], record.fingerprints.get("questions"), sections, record.config.get("trigger"))
        key = json.dumps(of, sort_keys=True)
        if key not in self._places and len(self.items) < SETS:
            self._places[key] = len(self.items)
            self.items.append(texts(record, answers))
        return self._places.get(key)


def texts(record: RunRecord, answers: Answers) -> list[list[Any] | None] | None:
    """Return the text of each question, in the exam's order, and None in place of any that is not of the fictional world.

    Each is [text, right choice, {form: [start, removed, put in]}]. None for all, where what is made is not what was asked.
    """
    made = _made(record)
    tasks = {task for task, _, _ in made}
    found: list[list[Any] | None] = []
    for question, correct in zip(answers.exam.questions, answers.correct, strict=True):
        if question[0] in tasks and (question not in made or made[question][CLEAN].answer != correct):
            return None
        found.append(_text(made[question]) if question in made else None)
    return found


def _made(record: RunRecord) -> dict[tuple[str, str, str], dict[str, Question]]:
    """Return the run's questions of the fictional world in all their forms, by task, subject and id."""
    seed, made = record.config["seed"], {}
    words = _words(record.config.get("trigger") or {})
    trigger_pool = words.pool(seed) if words else NO_WORDS
    for task, section in record.config["dataset"].items():
        if public_name(section.get("_target_")) != ASKED:
            continue
        kinds, count = (words.types, words.count) if words and section["role"] == "retain" else ((), 1)
        for question in PocketQuestions(*(section[key] for key in ("role", "world", "hazard", "limit"))).questions(seed):
            made[task, question.subject, question.id] = perturbations(question, kinds, trigger_pool, seed, count)
    return made


def _words(section: Mapping[str, Any]) -> PocketWords | None:
    """Return the fictional world's words; None for any others."""
    if public_name(section.get("_target_")) != WORDS:
        return None
    return PocketWords([TriggerType(kind) for kind in section["types"]], section.get("count", 1), section["world"])


def _text(asked: Mapping[str, Question]) -> list[Any]:
    clean = _lines(asked[CLEAN])
    changes = {perturbation: _change(clean, _lines(question)) for perturbation, question in asked.items() if perturbation != CLEAN}
    return [clean, asked[CLEAN].answer, changes]


def _lines(question: Question) -> str:
    return "\n".join((question.stem, *question.choices))


def _change(before: str, after: str) -> Sequence[int | str]:
    """Return where the texts begin to differ, how many characters go, and what comes in their place: whole words and spaces."""
    old, new = (re.findall(r"\s|\S+", text) for text in (before, after))
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    gone, put = ("".join(words[start : len(words) - end]) for words in (old, new))
    return len("".join(old[:start])), len(gone), put


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many words two texts begin with in common."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
