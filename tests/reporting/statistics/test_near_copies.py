import pytest

from rna_bench.reporting.statistics.frame import grouped
from rna_bench.reporting.statistics.near_copies import correlation, near_copies
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
    one, other = groups(a=FIRST, b=shifted(FIRST, [(0.05, 0.05)] * 3))
    assert correlation(one, other) == pytest.approx(1)
    (copies,) = near_copies([one, other])
    assert [group.method for group in copies.groups] == ["a", "b"]
    assert copies.r == pytest.approx(1)


def test_a_correlation_by_hand():
    # a: 8 4 7 5 9 3 about 6: 2 -2 1 -1 3 -3; b: 7 5 8 4 6 6 about 6: 1 -1 2 -2 0 0; products 8, squares 28 and 10
    one, other = groups(a=FIRST, b={1: (0.7, 0.5), 2: (0.8, 0.4), 3: (0.6, 0.6)})
    assert correlation(one, other) == pytest.approx(8 / 280**0.5)
    assert [copies.r for copies in near_copies([one, other])] == [None, None]


def test_two_that_are_each_like_a_third_are_joined_through_it():
    a = FIRST
    b = shifted(a, [(-0.1, -0.1), (0.1, -0.1), (0.05, -0.05)])
    c = shifted(b, [(0.05, -0.1), (0.1, -0.05), (0.05, 0.05)])
    trio = groups(a=a, b=b, c=c)
    assert correlation(trio[0], trio[2]) < 0.95 < min(correlation(trio[0], trio[1]), correlation(trio[1], trio[2]))
    (copies,) = near_copies(trio)
    assert len(copies.groups) == 3
    assert copies.r == pytest.approx(min(correlation(trio[0], trio[1]), correlation(trio[1], trio[2])))


def test_methods_that_leave_everything_intact_are_no_copies():
    intact = dict.fromkeys((1, 2, 3), (1.0, 1.0))
    assert len(near_copies(groups(a=intact, b=intact))) == 2


@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_few_accuracies_join_nothing(seeds):
    few = {seed: FIRST[seed] for seed in seeds}
    assert len(near_copies(groups(a=few, b=few))) == 2


def test_only_seeds_that_both_have_are_compared():
    assert len(near_copies(groups(a=FIRST, b={seed + 3: values for seed, values in FIRST.items()}))) == 2
