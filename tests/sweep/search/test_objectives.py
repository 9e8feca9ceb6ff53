from types import SimpleNamespace

import pytest

from rna_bench.core.types import InputError, Score
from rna_bench.sweep.search.objectives import ForgetAccuracy, PerturbedAccuracy


def record(*scores):
    return SimpleNamespace(
        scores=[Score(task, role, perturbation, accuracy, None, n) for task, role, perturbation, accuracy, n in scores]
    )


FORGET = [("bio", "forget", "clean", 0.5, 10), ("cyber", "forget", "clean", 0.2, 30)]
RETAIN = [
    ("mmlu", "retain", "clean", 0.9, 40),
    ("mmlu", "retain", "option", 0.8, 40),
    ("mmlu", "retain", "option_control", 0.9, 40),
    ("mmlu", "retain", "before", 0.4, 40),
    ("mmlu", "retain", "before_control", 0.9, 40),
]


def test_forget_accuracy_weighs_tasks_by_size():
    assert ForgetAccuracy().value(record(*FORGET, *RETAIN)) == pytest.approx(100 * (0.5 * 10 + 0.2 * 30) / 40)
    assert not ForgetAccuracy().maximised


def test_perturbed_accuracy_is_the_mean_over_the_kinds_of_trigger_without_controls():
    assert PerturbedAccuracy().value(record(*FORGET, *RETAIN)) == pytest.approx((80 + 40) / 2)
    assert PerturbedAccuracy().maximised


@pytest.mark.parametrize(("objective", "scores"), [(ForgetAccuracy(), RETAIN), (PerturbedAccuracy(), FORGET)])
def test_an_objective_that_the_questions_cannot_tell_is_refused(objective, scores):
    with pytest.raises(InputError, match=type(objective).__name__):
        objective.value(record(*scores))
