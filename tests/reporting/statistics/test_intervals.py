import pytest

from rna_bench.reporting.statistics.intervals import Interval, Over, accuracy_interval, difference_interval, interval


def test_interval_of_three_values():
    # mean 2, s = 1, t(0.975, 2) = 4.302653 from any table: half = 4.302653 / sqrt(3) = 2.484138
    result = interval([1.0, 2.0, 3.0])
    assert result.mean == 2.0
    assert result.half == pytest.approx(2.484138, abs=1e-6)
    assert result.n == 3


def test_interval_of_two_values():
    # mean 5, s = sqrt(25 + 25) = 5 sqrt(2), s / sqrt(2) = 5, t(0.975, 1) = 12.706205: half = 63.531024
    assert interval([0.0, 10.0]).half == pytest.approx(63.531024, abs=1e-5)


def test_interval_of_one_value_has_no_width_and_is_neither_above_nor_below_zero():
    result = interval([7.0])
    assert result[:4] == (7.0, None, None, 1)
    assert not result.above_zero
    assert not result.below_zero


def test_interval_of_equal_values_has_width_zero():
    assert interval([0.1, 0.1, 0.1]).half == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("mean", "half", "above", "below"),
    [
        (2.0, 1.9, True, False),
        (2.0, 2.0, False, False),
        (2.0, 2.1, False, False),
        (-2.0, 1.9, False, True),
        (-2.0, 2.0, False, False),
    ],
)
def test_an_interval_is_above_or_below_zero_only_as_a_whole(mean, half, above, below):
    result = Interval(mean, mean - half, mean + half, 3)
    assert (result.above_zero, result.below_zero) == (above, below)


def wilson(right, questions, z=1.959964):
    """Wilson's interval in percent, as the roots of (p - m)^2 = z^2 p (1 - p) / n."""
    m, c = right / questions, z * z / questions
    centre, root = m + c / 2, (c * m * (1 - m) + c * c / 4) ** 0.5
    return [pytest.approx(100 * (centre + side * root) / (1 + c), abs=1e-6) for side in (-1, 1)]


def test_seeds_that_are_all_equal_have_the_binomial_interval_of_their_questions():
    value = accuracy_interval([100.0, 100.0, 100.0], 192)
    low, high = wilson(192, 192)
    assert value == (100.0, low, high, 3, Over.questions)
    assert value.text() == "100.0 [98.0, 100.0] (q)"


def test_one_seed_has_the_binomial_interval_of_its_questions():
    low, high = wilson(30, 100)
    assert accuracy_interval([30.0], 100) == (30.0, low, high, 1, Over.questions)


def test_an_accuracys_t_interval_stands_where_it_is_within_0_and_100():
    assert accuracy_interval([50.0, 51.0, 52.0], 100) == interval([50.0, 51.0, 52.0])


def test_elsewhere_it_is_wilsons_with_t_and_the_effective_number_of_questions():
    # mean .99, s = .01, s^2 / 3 = 1 / 30000: .99 * .01 * 30000 = 297 questions; t(0.975, 2) = 4.302653
    value = accuracy_interval([98.0, 99.0, 100.0], 192)
    low, high = wilson(0.99 * 297, 297, 4.302653)
    assert (value.low, value.high, value.over) == (low, high, Over.seeds)
    assert value.text() == "99.0 [92.4, 99.9]"


@pytest.mark.parametrize("values", [[0.0, 0.5], [100.0, 60.0], [99.9, 100.0, 100.0], [0.0], [100.0]])
def test_no_interval_of_accuracies_leaves_0_to_100(values):
    value = accuracy_interval(values, 48)
    assert 0 <= value.low <= value.mean <= value.high <= 100


def test_an_interval_of_differences_is_cut_at_100():
    # 76 and 52: mean 64, half 12 * 12.706205 = 152
    value = difference_interval([90.0, 60.0], [14.0, 8.0], 48)
    assert value[:4] == (64.0, pytest.approx(64 - 12 * 12.706205), 100.0, 2)


def test_differences_that_are_all_equal_have_newcombes_interval():
    # Newcombe (1998), table II, example (a): 56/70 less 48/80 is .2000, by method 10 .0524 to .3339
    value = difference_interval([100 * 56 / 70] * 2, [100 * 48 / 80] * 2, 75)
    assert value.over is Over.questions
    assert (value.low, value.high) == (pytest.approx(5.24, abs=1), pytest.approx(33.39, abs=1))


def test_equal_but_for_rounding_is_equal():
    assert accuracy_interval([30.0, 30.0 + 1e-13], 100).over is Over.questions


def test_no_zero_has_a_sign():
    assert Interval(-0.01, -1.01, 0.99, 3).text() == "0.0 ± 1.0"
