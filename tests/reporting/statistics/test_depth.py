import math

import numpy
import pytest

from rna_bench.reporting.statistics.depth import HalfTime, area, depth, depth_span, half_time, median_half_time


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


def test_depth_is_one_for_the_gold_reference_and_zero_for_the_base_and_is_not_clipped():
    model, gold, base = numpy.array([0.25, 1.0, 0.625, 0.15]), numpy.full(4, 0.25), numpy.full(4, 1.0)
    assert depth(model, gold, base) == pytest.approx([1.0, 0.0, 0.5, 1 + 0.1 / 0.75])
    assert math.isnan(depth(numpy.ones(1), numpy.ones(1), numpy.ones(1))[0])


def test_the_depth_of_means_counts_each_asked_fact_once_and_pairs_models():
    nan = numpy.nan
    gold, base = numpy.array([[0.2, nan], [0.4, 0.3]]), numpy.array([[1.0, nan], [0.8, 0.9]])
    model = numpy.array([[0.6, nan], [0.5, 0.4]])
    span = depth_span(model, gold, base)
    assert span.value == pytest.approx(1 - (1.5 / 3 - 0.9 / 3) / (2.7 / 3 - 0.9 / 3))
    assert span.low <= span.value <= span.high
    assert depth_span(gold, gold, base) == (1.0, 1.0, 1.0)
    assert depth_span(base, gold, base) == (0.0, 0.0, 0.0)


def test_the_interval_is_the_same_each_time_and_narrows_with_facts():
    random = numpy.random.default_rng(0)
    widths = []
    for facts in (20, 500):
        model = (random.random((1, facts)) < 0.5).astype(float)
        span = depth_span(model, numpy.zeros_like(model), numpy.ones_like(model))
        assert span == depth_span(model, numpy.zeros_like(model), numpy.ones_like(model))
        assert span.value == pytest.approx(1 - model.mean())
        widths.append(span.high - span.low)
        assert span.high - span.low == pytest.approx(2 * 1.96 * model.std() / facts**0.5, rel=0.2)
    assert widths[1] < widths[0] / 3
