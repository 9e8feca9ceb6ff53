"""How often intervals of the recovery rate contain the true rate: the bootstrap's, used earlier, and Fieller's.

    python -m tests.benchmarks.recovery_coverage [REPEATS]

Responses are drawn with effects of the seed and of the question on the logit (normal): a question's difficulty, what a question
adds under each condition, and what a seed adds under each; 192 questions, the same for all seeds. `seeds alone` are accuracies by
seed with normal errors, as at equal forgetting. The true rate is that over all seeds and questions. `of` is the percentage of
samples in which there is an interval, and not the reason why there is none.

With 1,000 samples, and 100 of the bootstrap:

                                      seeds bootstrap   of Fieller   of
    small drop, seeds and questions       3     100.0    47     99.3    15
    small drop, seeds and questions       5      98.8    80     95.5    52
    small drop, seeds and questions      10      98.0   100     95.4    98
    small drop, seeds alone               3      75.0   100     94.7    45
    small drop, seeds alone               5      92.0   100     95.0    91
    small drop, seeds alone              10      98.0   100     95.2   100
    large drop, seeds and questions       3      99.0   100     97.6    87
    large drop, seeds and questions       5     100.0   100     95.7   100
    large drop, seeds and questions      10      98.0   100     94.8   100
    large drop, seeds alone               3      73.0   100     95.3   100
    large drop, seeds alone               5      90.0   100     94.8   100
    large drop, seeds alone              10      97.0   100     95.0   100
"""

import sys
from collections.abc import Iterator
from typing import NamedTuple

import numpy
from scipy import special

from rna_bench.reporting.statistics.intervals import Interval, reach
from rna_bench.reporting.statistics.recovery import Array, recovery

CONDITIONS = {"small drop": (0.92, 0.88, 0.96), "large drop": (0.75, 0.45, 0.97)}
"""Accuracy of the middle question with noise, without, and clean."""
QUESTIONS, DIFFICULTY, CONDITION = 192, 1.0, 0.7
"""The number of questions, and the standard deviations of their effects: common to all conditions, and under each."""
SEED = (0.4, 0.4, 0.12)
"""The standard deviation of a seed's effect under each condition."""
RESAMPLES = 1000


class Covered(NamedTuple):
    """In how many samples the interval contained the true rate, in how many there was one, and how many samples were drawn."""

    inside: int
    shown: int
    drawn: int

    def __str__(self) -> str:
        return f"{100 * self.inside / max(self.shown, 1):8.1f}{100 * self.shown / max(self.drawn, 1):6.0f}"


class Case(NamedTuple):
    """Accuracies that are drawn, the true rate in percent, and the standard deviation of accuracies by seed (0: questions)."""

    levels: Array
    rate: float
    spread: float


def case(accuracies: tuple[float, float, float], spread: float = 0.0) -> Case:
    """Return a case; the true rate is an expectation over seeds and questions, by Gauss-Hermite quadrature."""
    levels = special.logit(numpy.array(accuracies))
    if spread:
        noisy, plain, clean = accuracies
        return Case(numpy.array(accuracies), 100 * (noisy - plain) / (clean - plain), spread)
    points, weights = numpy.polynomial.hermite_e.hermegauss(60)
    deviations = numpy.sqrt(numpy.square(SEED) + DIFFICULTY**2 + CONDITION**2)
    noisy, plain, clean = (special.expit(levels[:, None] + deviations[:, None] * points) @ weights) / weights.sum()
    return Case(levels, 100 * (noisy - plain) / (clean - plain), 0.0)


def drawn(one: Case, seeds: int, random: numpy.random.Generator) -> Array:
    """Return correctness (3, s, q) with noise, without, and clean; (3, s, 1) of accuracies where seeds alone vary."""
    if one.spread:
        return one.levels[:, None, None] + random.normal(0, one.spread, (3, seeds, 1))
    by_seed = random.normal(size=(3, seeds, 1)) * numpy.array(SEED)[:, None, None]
    by_question = random.normal(0, DIFFICULTY, (1, 1, QUESTIONS)) + random.normal(0, CONDITION, (3, 1, QUESTIONS))
    chance = special.expit(one.levels[:, None, None] + by_seed + by_question)
    return (random.random(chance.shape) < chance).astype(float)


def bootstrap(values: Array, random: numpy.random.Generator) -> tuple[float, float] | None:
    """Return the earlier interval, expanded percentiles over questions and seeds; None where the drop's is not above 0."""
    _, seeds, questions = values.shape
    by_question = random.multinomial(questions, numpy.full(questions, 1 / questions), RESAMPLES) / questions
    by_seed = random.multinomial(seeds, numpy.full(seeds, 1 / seeds), RESAMPLES) / seeds
    by_draw = (by_question @ values.reshape(-1, questions).T).reshape(RESAMPLES, 3, seeds)
    noisy, plain, clean = (by_draw * by_seed[:, None]).sum(axis=2).T
    tail = special.ndtr(-numpy.sqrt(seeds / (seeds - 1)) * reach(seeds))
    drop = clean - plain
    if numpy.quantile(drop, tail) <= 0:
        return None
    low, high = numpy.quantile(100 * (noisy - plain)[drop > 0] / drop[drop > 0], [tail, 1 - tail])
    return float(low), float(high)


def coverage(one: Case, seeds: int, repeats: int, old: int = 0) -> tuple[Covered, Covered]:
    """Return how often the bootstrap's interval contains the rate, in the first `old` samples, and how often Fieller's does."""
    random = numpy.random.default_rng(seeds)
    ends: list[list[tuple[float, float]]] = [[], []]
    for sample in range(repeats):
        values = drawn(one, seeds, random)
        if sample < old and (span := bootstrap(values, random)):
            ends[0].append(span)
        value = recovery(*values)
        if isinstance(value, Interval):
            ends[1].append(value.ends)
    inside = [sum(low <= one.rate <= high for low, high in own) for own in ends]
    return Covered(inside[0], len(ends[0]), old), Covered(inside[1], len(ends[1]), repeats)


def lines(repeats: int) -> Iterator[str]:
    """Yield a line for each setting; the bootstrap, which takes most of the time, has a tenth of the samples."""
    yield f"{'':34}seeds bootstrap   of Fieller   of"
    for name, accuracies in CONDITIONS.items():
        for kind, spread in (("seeds and questions", 0.0), ("seeds alone", 0.02)):
            one = case(accuracies, spread)
            for seeds in (3, 5, 10):
                before, now = coverage(one, seeds, repeats, repeats // 10)
                yield f"{name}, {kind}".ljust(34) + f"{seeds:>5}  {before} {now}"


if __name__ == "__main__":
    for line in lines(int(sys.argv[1]) if len(sys.argv) > 1 else 2000):
        print(line, flush=True)
