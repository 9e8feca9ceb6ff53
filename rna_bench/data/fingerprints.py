"""Fingerprints of texts: sixteen hexadecimal digits that change with any word, wherever the text was read from."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple

from rna_bench.core.perturbed import GivenQuestion
from rna_bench.core.types import Task, Text, Topic


def of_questions(tasks: Sequence[Task]) -> str:
    """Return the fingerprint of every question, example, category, population and given question, with tasks' names and roles."""
    content = [
        [
            task.name,
            task.role,
            [astuple(question) for question in task.questions],
            {subject: [astuple(example) for example in examples] for subject, examples in task.examples.items()},
            dict(task.categories),
            *([dict(task.populations)] if task.populations else []),
            *([["given", [_given(task.given[question.id]) for question in task.questions]]] if task.given else []),
        ]
        for task in tasks
    ]
    return _digits(json.dumps(content).encode())


def _given(given: GivenQuestion) -> list[object]:
    return [astuple(given.question), [list(slot) for slot in given.slots]]


def of_corpus(topics: Sequence[Topic]) -> str:
    """Return the fingerprint of every text of every topic, context and body."""
    return _corpus(topics, lambda text: text)


def of_texts(texts: Sequence[str]) -> str:
    """Return the fingerprint of texts in their order."""
    return _digits(json.dumps(list(texts)).encode())


def earlier_of_questions(tasks: Sequence[Task]) -> tuple[str, ...]:
    """Return the fingerprints of these questions in records of schemas 2 and 3, and of schema 1 where they had one.

    They were computed from the Python representation of the classes of that time, which knew no samples.
    """
    if any(task.populations for task in tasks):
        return ()
    whole = ", ".join(_written(task, f", examples={task.examples!r}, categories={task.categories!r}") for task in tasks)
    earlier = [_digits(_tuple(whole, tasks))]
    if not any(task.examples or task.categories for task in tasks):
        earlier.append(_digits(_tuple(", ".join(_written(task, "") for task in tasks), tasks)))
    return tuple(earlier)


def earlier_of_corpus(topics: Sequence[Topic]) -> tuple[str, ...]:
    """Return the fingerprints of these texts in records of schema 1, where a question and its answer were one text."""
    return (_corpus(topics, lambda text: ("".join(text),)),)


def _corpus(topics: Sequence[Topic], parts: Callable[[Text], Iterable[str]]) -> str:
    digest = hashlib.sha256()
    for topic in topics:
        sizes = f"{topic.name}\0{len(topic.forget)}\0{len(topic.retain)}"
        for part in (sizes, *(part for text in (*topic.forget, *topic.retain) for part in parts(text))):
            digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]


def _written(task: Task, rest: str) -> str:
    questions = ", ".join(
        f"Question(id={q.id!r}, subject={q.subject!r}, stem={q.stem!r}, choices={q.choices!r}, answer={q.answer!r})"
        for q in task.questions
    )
    return f"Task(name={task.name!r}, role={task.role!r}, questions=({questions}{',' if len(task.questions) == 1 else ''}){rest})"


def _tuple(text: str, tasks: Sequence[Task]) -> bytes:
    return f"({text}{',' if len(tasks) == 1 else ''})".encode()


def _digits(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
