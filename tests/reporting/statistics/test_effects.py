import math

import pytest
from scipy import special

from rna_bench.reporting.statistics.effects import POWER, TwoAccuracies, effect, noncentrality
from rna_bench.reporting.statistics.significance import paired_t


def of(*differences, questions=192):
    return effect([TwoAccuracies(50 + difference, 50, questions) for difference in differences])


@pytest.mark.parametrize(("n", "deviations"), [(2, 11.55), (3, 3.26), (4, 2.13), (5, 1.68), (10, 1.00)])
def test_what_n_seeds_detect_in_standard_deviations(n, deviations):
    assert noncentrality(n - 1, 0.05) / math.sqrt(n) == pytest.approx(deviations, abs=0.005)


@pytest.mark.parametrize(("size", "n"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_cohens_small_medium_and_large_effects_need_as_many_pairs_as_in_the_literature(size, n):
    # the sample sizes of a two-sided paired t-test at 0.05 with 80% power that G*Power gives
    assert noncentrality(n - 1, 0.05) / math.sqrt(n) <= size < noncentrality(n - 2, 0.05) / math.sqrt(n - 1)


@pytest.mark.parametrize("freedom", [2, 4, 9, 99])
@pytest.mark.parametrize("level", [0.05, 0.0125])
def test_both_tails_of_the_noncentral_t_have_the_power(freedom, level):
    reach, mean = special.stdtrit(freedom, 1 - level / 2), noncentrality(freedom, level)
    power = 1 - special.nctdtr(freedom, mean, reach) + special.nctdtr(freedom, mean, -reach)
    assert power == pytest.approx(POWER, abs=1e-5)


def test_many_seeds_detect_what_the_normal_distribution_does():
    # 1.9600 + 0.8416 standard errors
    assert noncentrality(math.inf, 0.05) == pytest.approx(2.8016, abs=1e-4)
    assert noncentrality(1e5, 0.05) == pytest.approx(2.8016, abs=1e-3)


def test_the_effect_of_three_seeds_by_hand():
    # mean 2, s 1, standard error 1 / sqrt(3), t = 3.4641 with 2 degrees of freedom: p = 1 - t / sqrt(t^2 + 2)
    own = of(1.0, 2.0, 3.0)
    assert (own.mean, own.error, own.freedom) == (2.0, pytest.approx(3**-0.5), 2)
    assert own.p == pytest.approx(1 - (12 / 14) ** 0.5)
    assert own.p == pytest.approx(paired_t([1.0, 2.0, 3.0]).p)
    assert own.detectable(0.05) == pytest.approx(3.264, abs=0.001)


def test_below_a_margin_is_where_the_90_percent_interval_ends_below_it():
    # t(0.95, 2) = 2.92, times 1 / sqrt(3) is 1.6859: the interval of 1, 2 and 3 ends at 3.6859
    assert of(1.0, 2.0, 3.0).below(3.69)
    assert not of(1.0, 2.0, 3.0).below(3.68)


def test_an_effect_in_the_opposite_direction_is_below_the_margin():
    assert of(-30.0, -31.0, -29.0).below(3)


def test_two_seeds_of_64_with_an_interval_of_76_are_neither_above_0_nor_below_the_margin():
    own = of(58.0, 70.0)
    assert own.half == pytest.approx(76.2, abs=0.1)
    assert own.p > 0.05
    assert not own.below(3)


def test_one_seed_shows_nothing_whatever_its_size():
    own = of(90.0)
    assert (own.mean, own.half) == (90, None)
    assert own.p == 1
    assert not own.below(3)
    assert own.detectable(0.05) == math.inf


def test_where_all_seeds_agree_the_questions_are_the_sample():
    # 192 of 192 right both ways: shares of 193 / 194, variance 2 * 193 / 194^3, its root 0.727 points, and 1.645 of these are 1.196
    own = effect([TwoAccuracies(100, 100, 192)] * 3)
    assert own.over_questions
    assert own.error == pytest.approx(100 * math.sqrt(2 * 193 / 194**3))
    assert (own.mean, own.p) == (0, 1)
    assert own.below(3)
    assert own.below(1.2)
    assert not own.below(1.19)


def test_few_questions_do_not_show_that_seeds_that_agree_lose_nothing():
    assert not effect([TwoAccuracies(100, 100, 48)] * 3).below(3)


def test_equal_drops_in_all_seeds_are_above_0_where_the_questions_say_so():
    assert effect([TwoAccuracies(90, 50, 192)] * 3).p < 1e-6
    assert effect([TwoAccuracies(52, 50, 48)] * 3).p > 0.5


def test_seeds_that_agree_but_for_residue_agree():
    assert of(2.0, 2.0 + 1e-12, 2.0 - 1e-13).over_questions
    assert not of(2.0, 2.0 + 1e-6).over_questions


@pytest.mark.parametrize("shift", [-20.0, 0.0, 7.5])
def test_the_size_of_what_is_detected_depends_on_the_spread_alone(shift):
    values = [1.0, 4.0, 2.5, 3.0]
    assert of(*(value + shift for value in values)).detectable(0.05) == pytest.approx(of(*values).detectable(0.05))
    assert of(*(3 * value for value in values)).detectable(0.05) == pytest.approx(3 * of(*values).detectable(0.05))
