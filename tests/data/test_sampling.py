import math
from collections import Counter
from dataclasses import replace

import pytest

from rna_bench.core.types import InputError, Question, Task
from rna_bench.data.fingerprints import earlier_of_questions, of_questions
from rna_bench.data.sampling import ALL, Sampling, allocated, needed, sampled


def question(subject, number, stem="What?"):
    return Question(f"{subject}/{number}", subject, stem, ("a", "b", "c", "d"), 0)


def task(**sizes):
    return Task("mmlu", "retain", tuple(question(subject, n) for subject, size in sizes.items() for n in range(size)))


def ids(sample):
    return [one.id for one in sample.questions]


def test_subjects_get_their_share_and_the_largest_remainders_the_rest():
    # 10 * 50/100 = 5, 10 * 33/100 = 3.3, 10 * 17/100 = 1.7: 5, 3 and 1, and the tenth goes to the remainder 0.7
    assert allocated(10, {"a": 50, "b": 33, "c": 17}) == {"a": 5, "b": 3, "c": 2}
    # 3 * 1/4 = 0.75, 3 * 3/4 = 2.25
    assert allocated(3, {"small": 1, "large": 3}) == {"small": 1, "large": 2}


def test_of_equal_remainders_the_larger_subject_and_then_the_first_name_comes_first():
    # 2 * 1/4 = 0.5, 2 * 3/4 = 1.5
    assert allocated(2, {"a": 1, "z": 3}) == {"a": 0, "z": 2}
    assert allocated(1, {"z": 2, "b": 2, "c": 2}) == {"z": 0, "b": 1, "c": 0}


@pytest.mark.parametrize("size", [1, 7, 56, 57, 100, 999])
def test_shares_add_up_and_differ_from_proportion_by_less_than_one(size):
    populations = {f"s{n}": 3 + n * n % 31 for n in range(57)}
    total = sum(populations.values())
    size = min(size, total)
    sizes = allocated(size, populations)
    assert sum(sizes.values()) == size
    assert all(abs(sizes[name] - size * count / total) < 1 and sizes[name] <= count for name, count in populations.items())


def test_a_sample_is_in_the_order_of_the_questions_and_says_what_it_is_of():
    whole = task(anatomy=20, law=10)
    sample = sampled(whole, Sampling(9))
    assert Counter(one.subject for one in sample.questions) == {"anatomy": 6, "law": 3}
    assert ids(sample) == [name for name in ids(whole) if name in ids(sample)]
    assert sample.populations == {"anatomy": 20, "law": 10}


def test_it_depends_on_its_own_seed_and_on_ids_alone():
    whole, size = task(anatomy=40, law=20), Sampling(12)
    assert sampled(whole, size) == sampled(whole, size)
    assert ids(sampled(whole, size)) != ids(sampled(whole, replace(size, sample_seed=1)))
    phrased = Task("mmlu", "retain", tuple(question(q.subject, q.id.split("/")[1], "Which?") for q in reversed(whole.questions)))
    assert sorted(ids(sampled(phrased, size))) == sorted(ids(sampled(whole, size)))


def test_a_larger_sample_has_the_questions_of_a_smaller_one():
    whole = task(anatomy=40, law=20)
    assert set(ids(sampled(whole, Sampling(12)))) < set(ids(sampled(whole, Sampling(30))))


@pytest.mark.parametrize("sampling", [ALL, Sampling(30), Sampling(stderr=0.001)])
def test_all_questions_are_the_task_itself(sampling):
    whole = task(anatomy=20, law=10)
    assert sampled(whole, sampling) is whole


def test_a_sample_has_a_fingerprint_of_its_own_and_is_no_earlier_run():
    sample = sampled(task(anatomy=20), Sampling(3))
    assert of_questions([sample]) != of_questions([replace(sample, populations={})])
    assert earlier_of_questions([sample]) == ()


def test_the_size_from_a_standard_error():
    # n0 = 0.25 / 0.01^2 = 2,500 of infinitely many; of MMLU's 14,042: 2,500 / (1 + 2,499 / 14,042) = 2,122.3
    assert needed(0.01, 10**12) == 2500
    assert needed(0.01, 14_042) == 2123
    assert needed(0.05, 192) == math.ceil(100 / (1 + 99 / 192)) == 66
    assert needed(0.1, 1) == 1
    assert needed(0.4999, 50) == 2


@pytest.mark.parametrize("population", [2, 48, 192, 1273, 14_042])
@pytest.mark.parametrize("stderr", [0.3, 0.05, 0.01])
def test_it_is_the_least_that_gives_this_standard_error_at_one_half(stderr, population):
    def error(n):
        return math.sqrt(0.25 / n * (population - n) / (population - 1))

    n = needed(stderr, population)
    assert error(n) <= stderr * (1 + 1e-9)
    assert n == 1 or error(n - 1) > stderr


def test_a_datasets_own_sample_wins_over_the_standard_error():
    assert len(sampled(task(anatomy=20), Sampling(3, stderr=0.2)).questions) == 3


@pytest.mark.parametrize(("size", "remedy"), [(31, "there are 30 questions; give no more"), (0, "above 0"), (-2, "above 0")])
def test_impossible_sizes_are_one_line(size, remedy):
    with pytest.raises(InputError, match=rf"dataset\.mmlu\.sample={size}: .*{remedy}"):
        sampled(task(anatomy=20, law=10), Sampling(size))


def test_subjects_without_a_question_are_said(caplog):
    sampled(task(anatomy=20, law=1, art=1), Sampling(2))
    assert caplog.messages == ["dataset.mmlu: the sample of 2 has no question on 2 of 3 subjects"]
