"""Scores -> accuracies and drops, in percent and in points; tasks are weighted by their number of questions."""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from rna_bench.core.types import CLEAN, RunRecord, Score, TriggerType, finite

Measure: TypeAlias = Callable[[Sequence[Score]], float]
"""A number computed from scores: those of a run, or of one of its eval points."""
SAME = 1e-9
"""Points below which two accuracies are the same: their difference is what rounding and interpolation leave."""


def has_role(scores: Sequence[Score], role: str) -> bool:
    """Return whether there are scores of forget or of retain questions."""
    return any(score.role == role for score in scores)


def question_count(scores: Sequence[Score], role: str) -> int:
    """Return how many different questions of a role there are scores of; perturbed ones count once."""
    by_task: dict[str, int] = {}
    for score in scores:
        if score.role == role:
            by_task[score.task] = max(by_task.get(score.task, 0), score.n)
    return sum(by_task.values())


def sample_sizes(scores: Sequence[Score]) -> str:
    """Return for each task of which a sample was asked how many of how many questions: "mmlu 2,123 of 14,042"."""
    clean = [score for score in scores if score.perturbation == CLEAN and score.population]
    return ", ".join(f"{score.task} {score.n:,} of {score.population:,}" for score in clean)


def retain_accuracy(scores: Sequence[Score], perturbation: str = CLEAN) -> float:
    """Return the accuracy in percent over all retain questions under a perturbation; NaN without scores of them."""
    return _accuracy(scores, "retain", perturbation)


def forget_accuracy(scores: Sequence[Score]) -> float:
    """Return the accuracy in percent over all forget questions; NaN without scores of them."""
    return _accuracy(scores, "forget", CLEAN)


def _accuracy(scores: Sequence[Score], role: str, perturbation: str) -> float:
    right, asked = 0.0, 0
    for score in scores:  # a plain loop: a thousand records call this a hundred thousand times
        if score.perturbation == perturbation and score.role == role:
            right += score.accuracy * score.n
            asked += score.n
    return 100 * right / asked if asked else math.nan


def retain_questions(scores: Sequence[Score], perturbation: str) -> float:
    """Return the number of retain questions under a perturbation."""
    return float(sum(score.n for score in scores if score.role == "retain" and score.perturbation == perturbation))


def less(one: float, other: float) -> float:
    """Return one accuracy less another, in points; 0 below `SAME`."""
    return 0.0 if abs(one - other) < SAME else one - other


def task_accuracy(scores: Sequence[Score], task: str) -> float:
    """Return the accuracy on a task's clean questions, in percent."""
    return 100 * next(score.accuracy for score in scores if score.task == task and score.perturbation == CLEAN)


def mean_perturbed_accuracy(scores: Sequence[Score], trigger_types: Sequence[TriggerType]) -> float:
    """Return the perturbed accuracy: that on retain questions under a trigger, the mean over trigger types, in percent."""
    return sum(retain_accuracy(scores, one.trigger) for one in trigger_types) / len(trigger_types)


def drop_beyond_control(scores: Sequence[Score], trigger_type: TriggerType) -> float:
    """Return the trigger-induced drop beyond control: points of accuracy that a trigger costs more than its harmless control."""
    return less(retain_accuracy(scores, trigger_type.control), retain_accuracy(scores, trigger_type.trigger))


def final_forget_loss(record: RunRecord) -> float | None:
    """Return the method's forget loss at the last eval point; None without one, and where it is not finite."""
    last = record.eval_points[-1].forget_loss if record.eval_points else None
    return None if last is None else finite(last)
