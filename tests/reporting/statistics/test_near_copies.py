from dataclasses import replace
from itertools import combinations

import pytest

from rna_bench.core.measures import Perplexity
from rna_bench.reporting.statistics.frame import grouped
from rna_bench.reporting.statistics.near_copies import likeness, near_copies
from tests.builders.records import make_record, scored

PERTURBATIONS = ("option", "option_control", "before", "before_control")
FIRST = {1: (0.8, 0.4), 2: (0.7, 0.5), 3: (0.9, 0.3)}


def groups(**methods):
    """Return a group for each method, from accuracies under two trigger types by seed."""
    return grouped(
        [
            make_record(
                seed,
                scores=scored(perturbations=PERTURBATIONS, option=option, before=before),
                method=method,
                change={"method": {"_target_": method}},
            )
            for method, by_seed in methods.items()
            for seed, (option, before) in by_seed.items()
        ]
    )


def shifted(by_seed, points):
    return {seed: tuple(value + points[seed - 1][place] for place, value in enumerate(values)) for seed, values in by_seed.items()}


def test_the_same_results_but_for_a_shift_correlate_perfectly():
    one, other = groups(a=FIRST, b=shifted(FIRST, [(0.02, 0.02)] * 3))
    assert likeness(one, other) == pytest.approx((1, 2))
    (copies,) = near_copies([one, other])
    assert [group.method for group in copies.groups] == ["a", "b"]
    assert copies.least == pytest.approx((1, 2))


def test_profiles_of_one_shape_and_another_size_are_no_copies():
    # b lies half as far below 0.95 as a does: r is 1, and 35 / 2 points is the mean distance
    one, other = groups(a=FIRST, b={seed: tuple((0.95 + value) / 2 for value in values) for seed, values in FIRST.items()})
    assert likeness(one, other) == pytest.approx((1, 17.5))
    assert len(near_copies([one, other])) == 2


def test_a_run_and_the_checkpoint_that_is_its_model_are_joined_by_one_seed():
    (one,) = groups(a={1: FIRST[1]})
    held_out = Perplexity(5.25, 100, "text")

    def of(name, **values):
        return replace(one, method=name, runs={1: replace(one.runs[1], **values)})

    same = of("checkpoint mine", sha256={"questions.parquet": "ab"}, perplexity=held_out)
    assert near_copies([of("rmu", sha256={"questions.parquet": "ab"}), same])[0].least == (1, 0)
    assert near_copies([of("rmu", perplexity=held_out), same])[0].least == (1, 0)
    assert len(near_copies([of("rmu", sha256={"questions.parquet": "cd"}, perplexity=replace(held_out, value=5.26)), same])) == 2
    assert len(near_copies([of("rmu", perplexity=replace(held_out, value=None))] * 2)) == 2


def test_a_correlation_by_hand():
    # a: 8 4 7 5 9 3 about 6: 2 -2 1 -1 3 -3; b: 7 5 8 4 6 6 about 6: 1 -1 2 -2 0 0; products 8, squares 28 and 10
    one, other = groups(a=FIRST, b={1: (0.7, 0.5), 2: (0.8, 0.4), 3: (0.6, 0.6)})
    assert likeness(one, other).r == pytest.approx(8 / 280**0.5)
    assert [copies.least for copies in near_copies([one, other])] == [None, None]


def test_two_that_are_each_like_a_third_are_joined_through_it():
    a = FIRST
    b, c = (shifted(a, [(points, points)] * 3) for points in (0.02, 0.04))
    trio = groups(a=a, b=b, c=c)
    assert [likeness(*pair).near for pair in combinations(trio, 2)] == [True, False, True]
    (copies,) = near_copies(trio)
    assert len(copies.groups) == 3
    assert copies.least == pytest.approx((1, 2))


def test_methods_that_leave_everything_intact_are_no_copies():
    intact = dict.fromkeys((1, 2, 3), (1.0, 1.0))
    assert len(near_copies(groups(a=intact, b=intact))) == 2


@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_few_accuracies_join_nothing(seeds):
    few = {seed: FIRST[seed] for seed in seeds}
    assert len(near_copies(groups(a=few, b=few))) == 2


def test_only_seeds_that_both_have_are_compared():
    assert len(near_copies(groups(a=FIRST, b={seed + 3: values for seed, values in FIRST.items()}))) == 2
