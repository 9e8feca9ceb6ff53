import pytest

from rna_bench.core.types import Score, StepLoss
from rna_bench.runs.tracking.metrics import eval_point_values, final_values, loss_values, means

FOUND = [
    Score("bio", "forget", "clean", 0.5, None, 2),
    Score("cyber", "forget", "clean", 0.2, None, 10),
    Score("mmlu", "retain", "clean", 0.75, None, 4),
    Score("mmlu", "retain", "option", 0.25, None, 4),
    Score("mmlu", "retain", "inside", 0.5, None, 4),
    Score("mmlu", "retain", "option_control", 1.0, None, 4),
]


def test_means_are_over_all_questions_of_a_kind():
    # forget: (1 + 2) / 12; triggers: (1 + 2) / 8; the margin is the difference
    expected = {"forget": 0.25, "retain": 0.75, "perturbed": 0.375, "control": 1.0, "drop": 0.625, "margin": 0.125}
    assert means(FOUND) == pytest.approx(expected)


def test_what_was_not_asked_has_no_mean():
    assert means(FOUND[2:3]) == {"retain": 0.75}
    assert means([]) == {}


def test_names_are_of_task_and_form_and_those_of_a_look_begin_with_along():
    assert final_values(FOUND[:1]) == {"bio/clean": 0.5, "forget": 0.5}
    assert eval_point_values(FOUND[:1]) == {"along/bio/clean": 0.5, "along/forget": 0.5}


def test_losses_are_named_by_topic():
    assert loss_values(StepLoss(3, "bio", 1.5, None)) == {"forget_loss/bio": 1.5, "retain_loss/bio": None}
