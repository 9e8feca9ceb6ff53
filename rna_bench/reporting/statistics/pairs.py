"""A group with noise against its twin without, seed by seed: at equal steps, at matched forgetting by loss, and by accuracy."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from rna_bench.core.types import EvalPoint, Score
from rna_bench.reporting.statistics.frame import Group, forget_accuracy
from rna_bench.reporting.statistics.intervals import Crossing, Interval, common_level, fall, interval, loss_crossing

Measure: TypeAlias = Callable[[Sequence[Score]], float]
Reading: TypeAlias = Callable[[Measure], float]
"""What a measure of scores comes to, for one run at one moment."""


class Pair(NamedTuple):
    """Readings of a run with noise and of its twin without, of the same seed."""

    noisy: Reading
    plain: Reading


def twins(found: Sequence[Group]) -> list[tuple[Group, Group]]:
    """Return each group with noise beside its twin without, where there is one."""
    plain = {group.twin: group for group in found if group.unlearned and group.scale == 0}
    noisy = [group for group in found if group.unlearned and group.scale > 0]
    return [(group, plain[group.twin]) for group in noisy if group.twin in plain]


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
        noisy, plain = group.runs[seed].eval_points, twin.runs[seed].eval_points
        level = common_level(noisy, plain)
        places = (None, None) if level is None else (loss_crossing(noisy, level), loss_crossing(plain, level))
        if places[0] and places[1]:
            pairs.append(Pair(_at(noisy, places[0]), _at(plain, places[1])))
    return pairs


def _at(looks: Sequence[EvalPoint], place: Crossing) -> Reading:
    return lambda measure: place.read(lambda index: measure(looks[index].scores))


def forgotten_pairs(group: Group, twin: Group, level: float) -> list[Pair]:
    """Return both runs where their forget accuracy first comes down to `level` percent, seed by seed; none where one's does not.

    Forget loss is the method's own aim; accuracy is what is asked of it. It is that of the questions scored along the run, so the
    level is to be well above chance.
    """
    pairs: list[Pair] = []
    if group.forgets and twin.forgets:
        for seed in (seed for seed in group.runs if seed in twin.runs):
            noisy, plain = group.runs[seed].eval_points, twin.runs[seed].eval_points
            places = [fall([forget_accuracy(look.scores) for look in looks], level) for looks in (noisy, plain)]
            if places[0] and places[1]:
                pairs.append(Pair(_at(noisy, places[0]), _at(plain, places[1])))
    return pairs


def difference(pairs: Sequence[Pair], measure: Measure) -> Interval | None:
    """Return noisy less plain over the pairs; None where there is no pair."""
    return interval([noisy(measure) - plain(measure) for noisy, plain in pairs]) if pairs else None
