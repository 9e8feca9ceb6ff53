"""Accuracy from responses, by task, category and subject."""

import math
from collections.abc import Iterable, Mapping, Sequence

from rna_bench.core.types import Response, Score, Task


def scores(responses: Iterable[Response]) -> tuple[Score, ...]:
    """Return accuracy by task and perturbation, in order of appearance, over all questions: subjects are weighted by size."""
    return _scored(("", response) for response in responses)


def breakdown(responses: Sequence[Response], tasks: Sequence[Task]) -> tuple[Score, ...]:
    """Return accuracy by task, perturbation and category, and by task, perturbation and subject, of tasks with several subjects."""
    categories = {task.name: task.categories for task in tasks}
    subjects = {name: len({r.subject for r in responses if r.task == name}) for name in categories}
    several = [response for response in responses if subjects[response.task] > 1]
    by_category = [(categories[response.task].get(response.subject, ""), response) for response in several]
    return _scored((name, response) for name, response in by_category if name) + _scored((r.subject, r) for r in several)


def _scored(named: Iterable[tuple[str, Response]]) -> tuple[Score, ...]:
    """Return a score for each task, perturbation and group; each response comes with the name of its group."""
    groups: dict[tuple[str, str, str, str], dict[str, list[Response]]] = {}
    for group, response in named:
        subjects = groups.setdefault((response.task, response.role, response.perturbation, group), {})
        subjects.setdefault(response.subject, []).append(response)
    return tuple(_score(*key, subjects) for key, subjects in groups.items())


def _score(task: str, role: str, perturbation: str, group: str, subjects: Mapping[str, Sequence[Response]]) -> Score:
    responses = [response for own in subjects.values() for response in own]
    right = [[response.right for response in own] for own in subjects.values()]
    accuracy = sum(map(sum, right)) / len(responses)
    ties = sum(response.tied for response in responses)
    return Score(task, role, perturbation, accuracy, stderr(right), len(responses), group, ties)


def stderr(right: Sequence[Sequence[bool]]) -> float | None:
    """Return the standard error of the accuracy over all questions, or None if each subject has only one question.

    `right` says for each subject which of its questions were answered correctly. lm-evaluation-harness 0.4.13,
    `pooled_sample_stderr`: with s = sqrt(p(1-p)/(n-1)) of each subject, the square root of
    sum((n - 1) s^2 n) / (sum(n) - subjects) / sum(n). For one subject this is s.
    """
    total, freedom = sum(map(len, right)), sum(map(len, right)) - len(right)
    if not freedom:
        return None
    variances = (len(own) * (p := sum(own) / len(own)) * (1 - p) for own in right)
    return math.sqrt(sum(variances) / freedom / total)
