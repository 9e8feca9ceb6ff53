import math

import pytest

from rna_bench.core.types import Response, Task
from rna_bench.evaluation.scores import breakdown, scores, stderr

RIGHT, WRONG = (-1.0, -2.0, -3.0, -4.0), (-4.0, -2.0, -3.0, -9.0)


def answers(subject, right, wrong, perturbation="clean"):
    drawn = enumerate([RIGHT] * right + [WRONG] * wrong)
    return [Response("mmlu", "retain", f"{subject}/{n}", perturbation, logps, 0, subject) for n, logps in drawn]


GIVEN = [*answers("anatomy", 3, 1), *answers("law", 1, 1), *answers("maths", 2, 0)]
TASK = Task("mmlu", "retain", (), {}, {"anatomy": "stem", "maths": "stem", "law": "humanities"})


def test_a_task_is_the_mean_over_all_its_questions():
    (score,) = scores(GIVEN)
    assert (score.accuracy, score.n, score.group) == (6 / 8, 8, "")


def test_the_standard_error_is_pooled_over_subjects():
    # n p (1 - p): anatomy 4 * 3/16 = 3/4, law 2 * 1/4 = 1/2, maths 0; (5/4) / (8 - 3) / 8 = 1/32
    assert scores(GIVEN)[0].stderr == pytest.approx(math.sqrt(1 / 32))


def test_the_standard_error_of_one_subject_is_that_of_a_sample():
    assert stderr([[True, True, True, False]]) == pytest.approx(math.sqrt(0.75 * 0.25 / 3))
    assert stderr([[True], [False]]) is None


def test_categories_and_then_subjects_are_broken_down():
    found = {score.group: (score.accuracy, score.n) for score in breakdown(GIVEN, [TASK])}
    assert found == {"stem": (5 / 6, 6), "humanities": (0.5, 2), "anatomy": (0.75, 4), "law": (0.5, 2), "maths": (1.0, 2)}


def test_a_task_of_one_subject_has_no_breakdown():
    assert breakdown(answers("law", 1, 1), [TASK]) == ()


def test_perturbations_are_broken_down_separately():
    found = breakdown([*GIVEN, *answers("law", 0, 2, "option")], [TASK])
    assert [(s.perturbation, s.group, s.accuracy) for s in found if s.group == "law"] == [
        ("clean", "law", 0.5),
        ("option", "law", 0.0),
    ]


def test_ties_are_counted():
    tied = Response("mmlu", "retain", "law/9", "clean", (-2.0, -1.0, -1.0, -3.0), 1, "law")
    assert scores([tied, *answers("law", 1, 0)])[0].ties == 1
