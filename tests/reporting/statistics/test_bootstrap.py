import numpy
import pytest
from scipy import stats

from rna_bench.reporting.statistics.bootstrap import bootstrap, recoveries, recovery_rate


def mean(means):
    return means[:1]


def gain(means):
    return means[:1] - means[1:2]


def answers(*rows):
    """Series of one seed each."""
    return numpy.array(rows, dtype=float)[:, None, :]


def test_the_value_is_that_of_all_questions():
    (span,) = bootstrap(answers([1, 1, 0, 1], [1, 0, 0, 0]), gain, over_seeds=False)
    assert span.value == pytest.approx(0.5)


def test_the_interval_of_an_accuracy_is_the_binomials():
    # 100 questions, half of them right: resampled right answers are Binomial(100, 0.5), whose 2.5% and 97.5% points are 40 and 60
    (span,) = bootstrap(answers([1, 0] * 50), mean, over_seeds=False)
    assert stats.binom.ppf([0.025, 0.975], 100, 0.5) == pytest.approx([40, 60])
    assert (span.low, span.high) == (pytest.approx(0.40, abs=0.011), pytest.approx(0.60, abs=0.011))


def test_questions_that_are_the_same_in_all_seeds_are_not_counted_as_more():
    one = numpy.array([1.0, 0.0] * 50)[None, None]
    five = numpy.repeat(one, 5, axis=1)
    (narrow,), (span,) = bootstrap(one, mean, over_seeds=False), bootstrap(five, mean, over_seeds=False)
    assert span == pytest.approx(narrow)


def test_series_are_resampled_together_so_that_what_they_share_drops_out():
    shared = numpy.array([1.0, 0.0] * 50)
    (span,) = bootstrap(answers(shared, shared), gain, over_seeds=False)
    assert span == (0, 0, 0)


def test_seeds_that_differ_widen_the_interval_of_other_seeds_alone():
    values = numpy.stack([numpy.ones((1, 40)), numpy.zeros((1, 40))], axis=1)
    assert bootstrap(values, mean, over_seeds=False) == [(0.5, 0.5, 0.5)]
    assert bootstrap(values, mean, over_seeds=True) == [(0.5, 0, 1)]


def test_questions_that_a_seed_was_not_asked_do_not_count_there():
    nan = numpy.nan
    values = numpy.array([[[1, 1, nan, nan], [nan, nan, 0, 1]]])
    (span,) = bootstrap(values, mean, over_seeds=False)
    assert span.value == pytest.approx(0.75)  # seeds 1.0 and 0.5


def test_the_same_seed_draws_the_same_and_another_does_not():
    values = answers(numpy.arange(50) % 3 == 0)
    first, again, other = (bootstrap(values, mean, over_seeds=True, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert other[0].value == first[0].value


def test_recovery_is_the_percentage_of_the_drop():
    # of a drop of 90 - 50 = 40 points 60 - 50 = 10 are recovered: 25%
    assert recovery_rate(numpy.array([0.6]), numpy.array([0.5]), numpy.array([0.9])) == pytest.approx([25.0])


def test_recovery_can_be_below_0_and_above_100():
    rates = recovery_rate(numpy.array([0.4, 1.0]), numpy.array([0.5, 0.5]), numpy.array([0.9, 0.9]))
    assert rates == pytest.approx([-25.0, 125.0])


def test_recovery_of_nothing_is_undefined():
    assert numpy.isnan(recovery_rate(numpy.array([0.5]), numpy.array([0.9]), numpy.array([0.9]))).all()


def right_counts(noisy, plain, seeds=3, questions=100):
    """Return arrays (s, q) in which the first `noisy`, the first `plain` and all questions are right."""
    right = [numpy.arange(questions) < count for count in (noisy, plain, questions)]
    return [numpy.tile(row.astype(float), (seeds, 1)) for row in right]


def test_recovery_with_its_interval():
    # with noise 60, without 20, clean 100 right: 40 of 80 points. Each count varies by about 5, so the rate by about 5 or 6 points
    noisy, plain, clean = right_counts(60, 20)
    (span,) = recoveries(noisy[None], plain[None], clean)
    assert span is not None
    assert span.value == pytest.approx(50.0)
    assert 25 < span.low < 40
    assert 60 < span.high < 75


def test_where_triggers_cost_nothing_for_certain_there_is_no_recovery():
    noisy, plain, clean = zip(right_counts(100, 98), right_counts(100, 100), right_counts(100, 90), strict=True)
    spans = recoveries(numpy.stack(noisy), numpy.stack(plain), clean[0])
    assert [span is None for span in spans] == [True, True, False]
