"""A group with noise against its twin without, seed by seed: at equal steps, and at matched forgetting."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from rna_bench.reporting.frame import Group
from rna_bench.reporting.statistics import Interval, at_level, common_level, interval
from rna_bench.schema import Checkpoint, Score

Measure: TypeAlias = Callable[[Sequence[Score]], float]
Reading: TypeAlias = Callable[[Measure], float]
"""What a measure of scores comes to, for one run at one moment."""


class Pair(NamedTuple):
    """Readings of a run with noise and of its twin without, of the same seed."""

    noisy: Reading
    plain: Reading


def final_pairs(group: Group, twin: Group) -> list[Pair]:
    """Return the runs' ends, scored on all questions, seed by seed."""

    def end(scores: Sequence[Score]) -> Reading:
        return lambda measure: measure(scores)

    shared = [seed for seed in group.runs if seed in twin.runs]
    return [Pair(end(group.runs[seed].scores), end(twin.runs[seed].scores)) for seed in shared]


def matched_pairs(group: Group, twin: Group) -> list[Pair]:
    """Return both runs where they first come down to the lowest forget loss that both reach, seed by seed."""
    pairs: list[Pair] = []
    for seed in (seed for seed in group.runs if seed in twin.runs):
        noisy, plain = group.runs[seed].trajectory, twin.runs[seed].trajectory
        level = common_level(noisy, plain)
        if level is not None:
            pairs.append(Pair(_at(noisy, level), _at(plain, level)))
    return pairs


def _at(looks: Sequence[Checkpoint], level: float) -> Reading:
    def value(measure: Measure) -> float:
        found = at_level(looks, level, lambda look: measure(look.scores))
        assert found is not None, "common_level returns a level that both trajectories reach"
        return found

    return value


def difference(pairs: Sequence[Pair], measure: Measure) -> Interval | None:
    """Return noisy less plain over the pairs; None where there is no pair."""
    return interval([noisy(measure) - plain(measure) for noisy, plain in pairs]) if pairs else None
