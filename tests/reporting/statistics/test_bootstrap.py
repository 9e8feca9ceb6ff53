import numpy
import pytest
from scipy import stats

from rna_bench.reporting.statistics.bootstrap import bootstrap


def mean(means):
    return means[:1]


def gain(means):
    return means[:1] - means[1:2]


def answers(*rows):
    """Series of one seed each."""
    return numpy.array(rows, dtype=float)[:, None, :]


def test_the_value_is_that_of_all_questions():
    (span,) = bootstrap(answers([1, 1, 0, 1], [1, 0, 0, 0]), gain)
    assert span.value == pytest.approx(0.5)


def test_the_interval_of_an_accuracy_is_the_binomials():
    # 100 questions, half of them right: resampled right answers are Binomial(100, 0.5), whose 2.5% and 97.5% points are 40 and 60
    (span,) = bootstrap(answers([1, 0] * 50), mean)
    assert stats.binom.ppf([0.025, 0.975], 100, 0.5) == pytest.approx([40, 60])
    assert (span.low, span.high) == (pytest.approx(0.40, abs=0.011), pytest.approx(0.60, abs=0.011))


def test_questions_that_are_the_same_in_all_seeds_are_not_counted_as_more():
    one = numpy.array([1.0, 0.0] * 50)[None, None]
    five = numpy.repeat(one, 5, axis=1)
    (narrow,), (span,) = bootstrap(one, mean), bootstrap(five, mean)
    assert span == pytest.approx(narrow)


def test_series_are_resampled_together_so_that_what_they_share_drops_out():
    shared = numpy.array([1.0, 0.0] * 50)
    (span,) = bootstrap(answers(shared, shared), gain)
    assert span == (0, 0, 0)


def test_questions_that_a_seed_was_not_asked_do_not_count_there():
    nan = numpy.nan
    values = numpy.array([[[1, 1, nan, nan], [nan, nan, 0, 1]]])
    (span,) = bootstrap(values, mean)
    assert span.value == pytest.approx(0.75)  # seeds 1.0 and 0.5


def test_the_same_seed_draws_the_same_and_another_does_not():
    values = answers(numpy.arange(50) % 3 == 0)
    first, again, other = (bootstrap(values, mean, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert other[0].value == first[0].value
