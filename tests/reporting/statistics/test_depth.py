import math

import numpy
import pytest

from rna_bench.reporting.statistics.attacks import paired_areas
from rna_bench.reporting.statistics.depth import depth, depth_spans

NAN = math.nan


def test_depth_is_one_for_the_gold_reference_and_zero_for_the_base_and_is_not_clipped():
    model, gold, base = numpy.array([0.25, 1.0, 0.625, 0.15]), numpy.full(4, 0.25), numpy.full(4, 1.0)
    assert depth(model, gold, base) == pytest.approx([1.0, 0.0, 0.5, 1 + 0.1 / 0.75])
    assert math.isnan(depth(numpy.ones(1), numpy.ones(1), numpy.ones(1))[0])


def test_the_depth_of_means_counts_each_asked_fact_once_and_pairs_models():
    gold, base = numpy.array([[0.2, NAN], [0.4, 0.3]]), numpy.array([[1.0, NAN], [0.8, 0.9]])
    model = numpy.array([[0.6, NAN], [0.5, 0.4]])
    span, difference = depth_spans(model, gold, base)
    assert difference.value == pytest.approx(1.8 / 3)
    assert span.value == pytest.approx(1 - (1.5 / 3 - 0.9 / 3) / (2.7 / 3 - 0.9 / 3))
    assert span.low <= span.value <= span.high
    assert depth_spans(gold, gold, base).depth == (1.0, 1.0, 1.0)
    assert depth_spans(base, gold, base).depth == (0.0, 0.0, 0.0)


def test_the_interval_is_the_same_each_time_and_narrows_with_facts():
    random = numpy.random.default_rng(0)
    widths = []
    for facts in (20, 500):
        model = (random.random((1, facts)) < 0.5).astype(float)
        span = depth_spans(model, numpy.zeros_like(model), numpy.ones_like(model)).depth
        assert span == depth_spans(model, numpy.zeros_like(model), numpy.ones_like(model)).depth
        assert span.value == pytest.approx(1 - model.mean())
        widths.append(span.high - span.low)
        assert span.high - span.low == pytest.approx(2 * 1.96 * model.std() / facts**0.5, rel=0.2)
    assert widths[1] < widths[0] / 3


def test_seeds_that_differ_widen_the_interval():
    model = numpy.repeat([[0.2], [0.8], [0.5]], 50, axis=1)
    gold, base = numpy.zeros_like(model), numpy.ones_like(model)
    # three seeds, drawn with replacement: the mean of all-first is 0.2, of all-second 0.8
    assert depth_spans(model, gold, base).depth == pytest.approx((0.5, 0.2, 0.8))


def test_a_difference_is_large_enough_where_its_interval_is_above_five_points():
    gold = numpy.full((1, 100), 0.25)
    assert depth_spans(gold, gold, gold + 0.06).defined
    assert not depth_spans(gold, gold, gold + 0.04).defined
    noisy = gold + numpy.where(numpy.arange(100) % 10, 0.0, 0.8)  # 8 points, of ten facts in a hundred
    assert not depth_spans(gold, gold, noisy).defined
    assert not depth_spans(gold, gold, gold).defined


def test_areas_are_paired_on_seeds_and_facts_that_all_were_asked():
    one = {1: {("t", "a"): 0.1, ("t", "b"): 0.2}, 2: {("t", "b"): 0.3}, 3: {("t", "c"): 0.9}}
    other = {1: {("t", "a"): 0.5}, 2: {("t", "b"): 0.6, ("t", "c"): 0.7}}
    first, second = paired_areas([one, other])
    assert numpy.array_equal(first, [[0.1, NAN], [NAN, 0.3]], equal_nan=True)
    assert numpy.array_equal(second, [[0.5, NAN], [NAN, 0.6]], equal_nan=True)
    assert paired_areas([one, {4: {("t", "a"): 0.5}}])[0].size == 0
    assert paired_areas([one, {3: {("t", "a"): 0.5}}])[0].size == 0
