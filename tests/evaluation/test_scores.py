import math
from itertools import combinations

import pytest

from rna_bench.core.types import Response, Task
from rna_bench.evaluation.scores import breakdown, populations_of, scores, stderr

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


SAMPLED = Task("mmlu", "retain", (), {}, {"anatomy": "stem", "maths": "stem"}, {"anatomy": 40, "law": 20, "maths": 20, "art": 4})


def test_the_standard_error_of_a_sample_is_that_of_the_accuracy_on_all():
    # p (1 - p) / (n - 1) = 1/16, of 8 questions 1 - 4/8 is left, of 4 nothing
    right = [[True, True, True, False]]
    assert stderr(right, 8) == pytest.approx(math.sqrt(1 / 16 / 2))
    assert stderr(right, 4) == 0
    assert stderr(right, 10**15) == pytest.approx(stderr(right))


def test_it_is_unbiased_over_all_samples_of_a_population():
    # all samples of 3 of 5 questions, 2 of them right: the variance of their accuracies is the mean of the squared errors
    samples = list(combinations([True, True, False, False, False], 3))
    variance = sum((sum(sample) / 3 - 2 / 5) ** 2 for sample in samples) / len(samples)
    assert variance == pytest.approx(0.4 * 0.6 / 3 * (5 - 3) / (5 - 1))
    assert sum(stderr([sample], 5) ** 2 for sample in samples) / len(samples) == pytest.approx(variance)


def test_scores_of_a_sample_say_of_how_many_questions_it_is():
    populations = populations_of([SAMPLED])
    (whole,) = scores(GIVEN, populations)
    assert (whole.n, whole.population) == (8, 84)
    assert whole.stderr == pytest.approx(math.sqrt(1 / 32 * (1 - 8 / 84)))
    found = {score.group: score.population for score in breakdown(GIVEN, [SAMPLED], populations)}
    assert found == {"stem": 60, "anatomy": 40, "law": 20, "maths": 20}


def test_a_group_of_which_all_were_asked_has_no_population():
    populations = populations_of([Task("mmlu", "retain", (), populations={"anatomy": 9, "law": 2, "maths": 9})])
    assert {score.group: score.population for score in breakdown(GIVEN, [TASK], populations)}["law"] is None
    assert populations_of([TASK]) == {}
