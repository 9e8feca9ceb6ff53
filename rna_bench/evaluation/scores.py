"""Accuracy from responses, by task, category and subject."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from rna_bench.core.types import Response, Score, Task

Populations: TypeAlias = Mapping[tuple[str, str], int]
"""By task and group (a subject, a category, or "" for the whole task): how many questions there are, where a sample was asked."""
NONE: Populations = MappingProxyType({})


def populations_of(tasks: Iterable[Task]) -> Populations:
    """Return the populations of sampled tasks; other tasks have none."""
    counts: Counter[tuple[str, str]] = Counter()
    for task in tasks:
        for subject, count in task.populations.items():
            for group in dict.fromkeys(("", subject, task.categories.get(subject, ""))):
                counts[task.name, group] += count
    return counts


def scores(responses: Iterable[Response], populations: Populations = NONE) -> tuple[Score, ...]:
    """Return accuracy by task and perturbation, in order of appearance, over all questions: subjects are weighted by size."""
    return _scored((("", response) for response in responses), populations)


def breakdown(responses: Sequence[Response], tasks: Sequence[Task], populations: Populations = NONE) -> tuple[Score, ...]:
    """Return accuracy by task, perturbation and category, and by task, perturbation and subject, of tasks with several subjects."""
    categories = {task.name: task.categories for task in tasks}
    subjects = {name: len({r.subject for r in responses if r.task == name}) for name in categories}
    several = [response for response in responses if subjects[response.task] > 1]
    by_category = [(categories[response.task].get(response.subject, ""), response) for response in several]
    named = ((name, response) for name, response in by_category if name)
    return _scored(named, populations) + _scored(((r.subject, r) for r in several), populations)


def _scored(named: Iterable[tuple[str, Response]], populations: Populations) -> tuple[Score, ...]:
    """Return a score for each task, perturbation and group; each response comes with the name of its group."""
    groups: dict[tuple[str, str, str, str], dict[str, list[Response]]] = {}
    for group, response in named:
        subjects = groups.setdefault((response.task, response.role, response.perturbation, group), {})
        subjects.setdefault(response.subject, []).append(response)
    return tuple(
        _score(task, role, perturbation, group, subjects, populations.get((task, group)))
        for (task, role, perturbation, group), subjects in groups.items()
    )


def _score(
    task: str, role: str, perturbation: str, group: str, subjects: Mapping[str, Sequence[Response]], population: int | None
) -> Score:
    responses = [response for own in subjects.values() for response in own]
    right = [[response.right for response in own] for own in subjects.values()]
    accuracy = sum(map(sum, right)) / len(responses)
    ties = sum(response.tied for response in responses)
    whole = population if population and population > len(responses) else None
    return Score(task, role, perturbation, accuracy, stderr(right, whole), len(responses), group, ties, whole)


def stderr(right: Sequence[Sequence[bool]], population: int | None = None) -> float | None:
    """Return the standard error of the accuracy over all questions, or None if each subject has only one question.

    `right` says for each subject which of its questions were answered correctly. lm-evaluation-harness 0.4.13,
    `pooled_sample_stderr`: with s = sqrt(p(1-p)/(n-1)) of each subject, the square root of
    sum((n - 1) s^2 n) / (sum(n) - subjects) / sum(n). For one subject this is s.

    If the questions are a sample of a `population` of M, it is that of the accuracy on all M, times sqrt(1 - sum(n) / M): with
    n - 1 in s^2 this is unbiased (Cochran, Sampling Techniques, 1977, sections 3.2 and 5.4), and the same as (M - n) / (M - 1)
    with the population's own p (1 - p). Without one it is that of other questions of this kind.
    """
    total, freedom = sum(map(len, right)), sum(map(len, right)) - len(right)
    if not freedom:
        return None
    variances = (len(own) * (p := sum(own) / len(own)) * (1 - p) for own in right)
    correction = 1 - total / population if population else 1.0
    return math.sqrt(sum(variances) / freedom / total * correction)
