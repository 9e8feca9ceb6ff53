"""A small run of the simulation in `tests/benchmarks/recovery_coverage.py`, and one of an accuracy near 100."""

import numpy
import pytest

from rna_bench.reporting.statistics.intervals import accuracy_interval
from tests.benchmarks.recovery_coverage import CONDITIONS, case, coverage


@pytest.mark.parametrize("spread", [0.0, 0.02])
@pytest.mark.parametrize("seeds", [3, 5])
def test_recovery_intervals_contain_the_true_rate(seeds, spread):
    _, fieller = coverage(case(CONDITIONS["large drop"], spread), seeds, 200)
    assert fieller.shown > 100
    assert 0.9 <= fieller.inside / fieller.shown <= 1


@pytest.mark.parametrize(("mean", "spread"), [(0.5, 0.05), (0.97, 0.02), (0.995, 0.001)])
def test_intervals_of_accuracies_contain_the_true_accuracy(mean, spread):
    random, size = numpy.random.default_rng(0), mean * (1 - mean) / spread**2 - 1
    accuracies = 100 * random.binomial(192, random.beta(mean * size, (1 - mean) * size, (1000, 3))) / 192
    ends = [accuracy_interval(seeds, 192).ends for seeds in accuracies.tolist()]
    assert 0.93 <= sum(low <= 100 * mean <= high for low, high in ends) / 1000 <= 1
