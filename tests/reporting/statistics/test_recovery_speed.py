import numpy
import pytest

from rna_bench.reporting.statistics.recovery_speed import HalfTime, area, half_time, median_half_time


def test_the_area_is_by_trapezoids_over_the_logarithm_of_the_budget():
    # log2(1 + budget) is 0, 1, 2, 3: (0 + 0.5) / 2 + (0.5 + 1) / 2 + (1 + 1) / 2 = 2, over 3
    assert area([0, 1, 3, 7], numpy.array([0.0, 0.5, 1.0, 1.0])) == pytest.approx(2 / 3)
    assert area([0, 1, 3, 7], numpy.full((5, 4), 0.25)) == pytest.approx([0.25] * 5)
    assert area([0, 7], numpy.array([0.0, 1.0])) == pytest.approx(0.5)
    assert area([0], numpy.array([[0.3], [0.6]])).tolist() == [0.3, 0.6]


def test_a_half_time_lies_on_the_line_between_two_stages_or_is_censored():
    assert half_time([0, 1, 3, 7], [0.2, 0.2, 0.2, 0.6], 0.4) == HalfTime(pytest.approx(2**2.5 - 1), False)
    assert half_time([0, 1, 3], [0.2, 0.4, 0.9], 0.4) == HalfTime(pytest.approx(1.0), False)
    assert half_time([0, 1], [0.9, 1.0], 0.5) == HalfTime(0.0, False)
    assert half_time([0, 1, 64], [0.2, 0.3, 0.3], 0.5) == HalfTime(64.0, True)


def test_the_median_half_time_is_censored_where_it_lies_beyond_the_budget():
    reached, beyond = HalfTime(8.0, False), HalfTime(64.0, True)
    assert median_half_time([reached, HalfTime(10.0, False)]) == HalfTime(9.0, False)
    assert median_half_time([reached, reached, beyond]) == reached
    assert median_half_time([reached, beyond]) == beyond
    assert median_half_time([reached, beyond, beyond]) == beyond
