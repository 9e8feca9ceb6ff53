import math

import pytest

from rna_bench.core.types import EvalPoint
from rna_bench.reporting.statistics.crossings import at_fall, at_level, common_level


def points(*losses):
    """Return eval points at steps 0, 1, 2, ... with these forget losses."""
    return [EvalPoint(step, loss, ()) for step, loss in enumerate(losses)]


def step(point):
    return float(point.step)


def test_common_level_is_the_higher_of_the_two_lowest_losses():
    assert common_level(points(8, 1, 4), points(9, 3)) == 3


def test_common_level_passes_over_losses_that_are_not_finite():
    assert common_level(points(8, 2, None), points(9, 1)) == 2


def test_common_level_without_a_finite_loss_is_none():
    assert common_level(points(8, 2), points(None)) is None
    assert common_level(points(), points(8)) is None


def test_at_level_is_linear_in_the_logarithm_of_the_loss():
    # log2 of the losses: 3, 1; the level 4 is 2, half way between: step 0.5
    assert at_level(points(8, 2), 4, step) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("losses", "level", "expected"), [((-1, -3), -2, 0.5), ((1, -3), 0, 0.25), ((2, 0.5, -1), 0.25, 1 + 1 / 6)]
)
def test_at_level_is_linear_in_a_loss_that_is_not_above_0(losses, level, expected):
    assert at_level(points(*losses), level, step) == pytest.approx(expected)


def test_at_level_takes_the_two_eval_points_around_the_first_crossing():
    # the loss first rises; log2: 3, 4, 1, 5, 0. The level 4 (2) lies (4 - 2) / (4 - 1) = 2/3 of the way from step 1 to step 2
    assert at_level(points(8, 16, 2, 32, 1), 4, step) == pytest.approx(1 + 2 / 3)


def test_at_level_on_an_eval_point_is_that_point():
    assert at_level(points(8, 4, 2), 4, step) == pytest.approx(1.0)


def test_at_level_that_the_first_eval_point_has_already_is_the_first_eval_point():
    assert at_level(points(3, 2), 4, step) == 0.0


def test_at_level_that_is_not_reached_is_none():
    assert at_level(points(8, 4), 3.9, step) is None
    assert at_level(points(8, None, 1), 4, step) is None


def test_at_level_interpolates_the_value_and_not_the_step():
    # half way between step 0 (value 10) and step 1 (value 20)
    assert at_level(points(8, 2), 4, lambda point: 10.0 * (point.step + 1)) == pytest.approx(15.0)


def test_both_runs_can_be_read_at_their_common_level():
    one, other = points(8, None, 1), points(8, 2)
    level = common_level(one, other)
    assert level == 8  # what comes after a loss that is not finite does not count
    assert None not in (at_level(one, level, step), at_level(other, level, step))


def test_at_level_of_a_run_that_comes_down_to_zero_is_finite():
    result = at_level(points(8, 0), 4, step)
    assert result is not None
    assert math.isfinite(result)


def test_a_curve_is_read_where_it_first_comes_down_to_the_level():
    # from 80 to 30: 40 is four fifths of the way, 10 + 0.8 * 20 = 26; that it rises again and falls again does not count
    assert at_fall([90, 80, 30, 60, 20], [0, 10, 30, 50, 70], 40) == pytest.approx(26.0)


def test_a_curve_that_begins_below_the_level_is_read_at_its_beginning():
    assert at_fall([30, 20], [5, 6], 40) == 5


def test_a_curve_on_the_level_is_read_there():
    assert at_fall([50, 40, 30], [1, 2, 3], 40) == 2


def test_a_curve_that_does_not_come_down_is_not_read():
    assert at_fall([90, 41], [1, 2], 40) is None
    assert at_fall([], [], 40) is None
