"""Answers -> accuracy, by task, category and subject."""

import math
from collections.abc import Iterable, Mapping, Sequence

from rna_bench.core.types import Response, Score, Task


def scores(answers: Iterable[Response]) -> tuple[Score, ...]:
    """Return accuracy by task and form, in order of appearance, over all questions: subjects are weighted by size."""
    return _scored(("", answer) for answer in answers)


def breakdown(answers: Sequence[Response], tasks: Sequence[Task]) -> tuple[Score, ...]:
    """Return accuracy by task, form and category, and by task, form and subject, where a task has more than one."""
    categories = {task.name: task.categories for task in tasks}
    subjects = {name: len({a.subject for a in answers if a.task == name}) for name in categories}
    several = [answer for answer in answers if subjects[answer.task] > 1]
    by_category = [(categories[answer.task].get(answer.subject, ""), answer) for answer in several]
    return _scored((name, answer) for name, answer in by_category if name) + _scored((a.subject, a) for a in several)


def _scored(named: Iterable[tuple[str, Response]]) -> tuple[Score, ...]:
    found: dict[tuple[str, str, str, str], dict[str, list[Response]]] = {}
    for group, answer in named:
        subjects = found.setdefault((answer.task, answer.role, answer.perturbation, group), {})
        subjects.setdefault(answer.subject, []).append(answer)
    return tuple(_score(*key, subjects) for key, subjects in found.items())


def _score(task: str, role: str, perturbation: str, group: str, subjects: Mapping[str, Sequence[Response]]) -> Score:
    answers = [answer for own in subjects.values() for answer in own]
    right = [[answer.right for answer in own] for own in subjects.values()]
    accuracy = sum(map(sum, right)) / len(answers)
    return Score(task, role, perturbation, accuracy, stderr(right), len(answers), group, sum(answer.tied for answer in answers))


def stderr(right: Sequence[Sequence[bool]]) -> float | None:
    """Return the standard error of the accuracy over all questions, given which are right in each subject; None of one a subject.

    lm-evaluation-harness 0.4.13, `pooled_sample_stderr`: with each subject's own s = sqrt(p(1-p)/(n-1)), the root of
    sum((n - 1) s^2 n) / (sum(n) - subjects) / sum(n). Of one subject that is s.
    """
    total, spare = sum(map(len, right)), sum(map(len, right)) - len(right)
    if not spare:
        return None
    variances = (len(own) * (share := sum(own) / len(own)) * (1 - share) for own in right)
    return math.sqrt(sum(variances) / spare / total)
