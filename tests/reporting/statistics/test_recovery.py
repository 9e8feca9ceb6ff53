import numpy
import pytest

from rna_bench.reporting.statistics.intervals import Interval, Over
from rna_bench.reporting.statistics.recovery import fieller, over_seeds_alone, recovery


def right(*counts, questions=100):
    """Correctness (s, q): the first so many questions are right, of each seed."""
    return numpy.stack([(numpy.arange(questions) < count).astype(float) for count in counts])


def test_recovery_is_the_percentage_of_the_drop():
    # of a drop of 90 - 50 = 40 points 60 - 50 = 10 are recovered: 25%
    value = recovery(right(60, 60, 60), right(50, 50, 50), right(90, 90, 90))
    assert isinstance(value, Interval)
    assert value.mean == pytest.approx(25.0)
    assert value.low < 25 < value.high


def test_recovery_can_be_below_0_and_above_100():
    lower, more = (recovery(right(*noisy), right(50, 52, 51), right(90, 91, 89)) for noisy in ((40, 41, 39), (99, 98, 100)))
    assert isinstance(lower, Interval)
    assert isinstance(more, Interval)
    assert lower.mean < 0
    assert more.mean > 100


def test_the_ends_are_fiellers():
    # a = 1, b = 2, v = diag(.01, .04), t = 2: (1 - 2R)^2 = 4 (.01 + .04 R^2), 3.84 R^2 - 4 R + .96 = 0: .375 and .6667
    low, high = fieller(numpy.array([1.0, 2.0]), numpy.diag([0.01, 0.04]), 2.0)
    assert (low, high) == (pytest.approx(0.375), pytest.approx(2 / 3))


def test_over_seeds_alone_the_questions_do_not_matter():
    # gains 10, 12, 14 of drops of 40: 30% and a half width of t(0.975, 2) * 2 / sqrt(3) / 40 = 12.42%
    (value,) = over_seeds_alone(numpy.array([[60.0, 62, 64]]), numpy.full((1, 3), 50.0), numpy.full(3, 90.0))
    assert value == (
        pytest.approx(30.0),
        pytest.approx(30 - 12.4207, abs=1e-3),
        pytest.approx(30 + 12.4207, abs=1e-3),
        3,
        Over.seeds,
    )


def test_a_drop_that_is_small_for_its_spread_has_a_reason():
    # drops 4, 0, 2: mean 2, half width 4.302653 * 2 / sqrt(3) = 4.97
    (value,) = over_seeds_alone(numpy.full((1, 3), 90.0), numpy.array([[86.0, 90, 88]]), numpy.full(3, 90.0))
    assert value == "drop too small for its spread: 2.0 ± 5.0"


def test_where_triggers_cost_nothing_there_is_no_recovery():
    assert recovery(right(99, 98), right(90, 90), right(90, 90)) == "drop too small for its spread: 0.0 ± 0.0"


def test_one_seed_generalises_to_other_questions():
    value = recovery(right(60), right(20), right(100))
    assert isinstance(value, Interval)
    assert (value.mean, value.over) == (pytest.approx(50.0), Over.questions)


def test_questions_that_not_all_seeds_were_asked_do_not_count():
    nan = numpy.nan
    noisy, plain, clean = numpy.ones((2, 4)), numpy.zeros((2, 4)), numpy.ones((2, 4))
    noisy[0, 1] = nan
    plain[1, 2] = clean[0, 3] = nan
    assert recovery(noisy, plain, clean).mean == pytest.approx(100.0)


def test_questions_that_differ_by_seed_are_in_the_seeds_spread():
    nan = numpy.nan
    noisy = numpy.array([[1, 0, nan, nan], [nan, nan, 1, 1.0]])
    plain, clean = numpy.where(numpy.isnan(noisy), nan, 0.0), numpy.where(numpy.isnan(noisy), nan, 1.0)
    assert recovery(noisy, plain, clean).mean == pytest.approx(75.0)
