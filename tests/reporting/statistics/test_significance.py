from itertools import product

import pytest

from rna_bench.reporting.statistics.intervals import interval
from rna_bench.reporting.statistics.significance import holm, mcnemar, paired_t, sign_flip


def test_mcnemar_of_one_gained_and_nine_lost():
    # P(X <= 1) of 10 fair tosses is (1 + 10) / 1024; both sides: 22 / 1024
    assert mcnemar(1, 9) == pytest.approx(22 / 1024)
    assert mcnemar(9, 1) == pytest.approx(22 / 1024)


def test_mcnemar_is_1_where_nothing_differs_and_where_gains_equal_losses():
    assert mcnemar(0, 0) == 1
    assert mcnemar(4, 4) == 1


def test_flipping_the_signs_of_ones_is_mcnemar():
    assert sign_flip([1] * 2 + [-1] * 9 + [0] * 7) == pytest.approx(mcnemar(2, 9))


def test_sign_flips_of_four_questions_by_hand():
    # of 16 ways to sign 2, 1, 3, 1 three give +5 or +7 (all plus; one of the two ones minus) and as many -5 or -7
    assert sign_flip([2, -1, 3, 1]) == pytest.approx(6 / 16)


def test_sign_flips_equal_going_through_all_of_them():
    differences = [3, -2, 2, 5, -1, 0, 2, 4, -3]
    sums = [sum(sign * d for sign, d in zip(signs, differences, strict=True)) for signs in product((-1, 1), repeat=9)]
    naive = sum(abs(one) >= abs(sum(differences)) for one in sums) / len(sums)
    assert sign_flip(differences) == pytest.approx(naive)


def test_sign_flips_without_a_difference_are_no_evidence():
    assert sign_flip([0, 0]) == 1
    assert sign_flip([]) == 1


def test_one_question_in_five_seeds_is_not_five_questions():
    assert sign_flip([5]) == 1
    assert sign_flip([1] * 5) == pytest.approx(2 / 32)


def test_paired_t_of_three_seeds():
    # mean 2, s = 1, t = 2 sqrt(3) = 3.4641 with 2 degrees of freedom: p = 1 - t / sqrt(t^2 + 2) = 1 - 3.4641 / sqrt(14) = 0.074180
    assert paired_t([1.0, 2.0, 3.0]).p == pytest.approx(1 - (12 / 14) ** 0.5)


@pytest.mark.parametrize("seeds", [[1.0, 9.0, 5.0, 4.0], [0.1, 9.0, 5.0, 4.0], [0.5, 3.0]])
def test_paired_t_is_below_5_percent_where_the_interval_leaves_out_0(seeds):
    p = paired_t(seeds).p
    assert p is not None
    assert (p < 0.05) == interval(seeds).above_zero


def test_there_is_no_t_test_of_one_seed_or_of_equal_differences():
    assert paired_t([3.0]) == (None, "one seed")
    assert paired_t([0.0, 0.0]) == paired_t([2.0, 2.0]) == (None, "equal in all seeds")


def test_float_residue_gives_no_p():
    # what tests_each.csv once had: forget accuracy of 25, interpolated between two eval points of 25
    assert paired_t([0.0, 1.4e-15, -3e-14]) == (None, "equal in all seeds")
    assert paired_t([0.0, 1e-6]).p == pytest.approx(0.5)  # t = 1 with 1 degree of freedom, as of any two values of which one is 0


def test_holm_by_hand():
    # in order 0.01 * 4, 0.02 * 3, 0.03 * 2 and 0.04 * 1: 0.04, 0.06, then no smaller than the one before
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])


def test_holm_stops_at_1_and_leaves_a_single_p_as_it_is():
    assert holm([0.7, 0.6]) == [1, 1]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []
