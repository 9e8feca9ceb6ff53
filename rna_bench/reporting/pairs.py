"""A group with noise against its twin without, seed by seed: at equal steps, at matched forgetting by loss, and by accuracy."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from rna_bench.reporting.frame import Group, forget_accuracy
from rna_bench.reporting.statistics import Interval, at_fall, at_level, common_level, interval
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


def forgotten_pairs(group: Group, twin: Group, level: float) -> list[Pair]:
    """Return both runs where their forget accuracy first comes down to `level` percent, seed by seed; none where one's does not.

    Forget loss is the method's own aim; accuracy is what is asked of it. It is that of the questions scored along the run, so the
    level is to be well above chance.
    """
    pairs: list[Pair] = []
    if group.forgets and twin.forgets:
        for seed in (seed for seed in group.runs if seed in twin.runs):
            noisy, plain = (_forgotten(runs[seed].trajectory, level) for runs in (group.runs, twin.runs))
            if noisy and plain:
                pairs.append(Pair(noisy, plain))
    return pairs


def _forgotten(looks: Sequence[Checkpoint], level: float) -> Reading | None:
    falling = [forget_accuracy(look.scores) for look in looks]
    if not any(accuracy <= level for accuracy in falling):
        return None

    def value(measure: Measure) -> float:
        found = at_fall(falling, [measure(look.scores) for look in looks], level)
        assert found is not None, "the level is reached"
        return found

    return value


def difference(pairs: Sequence[Pair], measure: Measure) -> Interval | None:
    """Return noisy less plain over the pairs; None where there is no pair."""
    return interval([noisy(measure) - plain(measure) for noisy, plain in pairs]) if pairs else None
