"""A group with noise beside its no-noise baseline, seed by seed: at equal steps, at equal forget loss, at equal forget accuracy."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from rna_bench.core.types import EvalPoint, Score
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Crossing, Interval, common_level, fall, interval, loss_crossing
from rna_bench.reporting.statistics.scores import Measure, final_forget_loss, forget_accuracy, less

Reading: TypeAlias = Callable[[Measure], float]
"""Evaluates a measure on one run's scores at one moment."""


class Pair(NamedTuple):
    """Readings of a run with noise and of its no-noise baseline of the same seed."""

    noisy: Reading
    baseline: Reading


def over_seeds(group: Group, measure: Measure) -> Interval:
    """Return a measure's mean over the group's seeds, with its interval."""
    return interval([measure(run.scores) for run in group.runs.values()])


def final_forget_loss_over_seeds(group: Group) -> Interval | None:
    """Return the mean final forget loss with its interval; None where no run has a finite one."""
    losses = [loss for run in group.runs.values() if (loss := final_forget_loss(run)) is not None]
    return interval(losses) if losses else None


def baselines(groups: Sequence[Group]) -> dict[str, Group]:
    """Return the groups that unlearned without noise, by their `baseline_key`."""
    return {group.baseline_key: group for group in groups if group.unlearned and group.scale == 0}


def baseline_pairs(groups: Sequence[Group]) -> list[tuple[Group, Group]]:
    """Return each group with noise and its no-noise baseline; groups without a baseline are left out."""
    by_key = baselines(groups)
    noisy = [group for group in groups if group.unlearned and group.scale > 0]
    return [(group, by_key[group.baseline_key]) for group in noisy if group.baseline_key in by_key]


def final_pairs(group: Group, baseline: Group) -> list[Pair]:
    """Return the ends of both runs, scored on all questions, seed by seed."""

    def end(scores: Sequence[Score]) -> Reading:
        return lambda measure: measure(scores)

    shared = [seed for seed in group.runs if seed in baseline.runs]
    return [Pair(end(group.runs[seed].scores), end(baseline.runs[seed].scores)) for seed in shared]


def matched_pairs(group: Group, baseline: Group) -> list[Pair]:
    """Return both runs where they first come down to the lowest forget loss that both reach, seed by seed."""
    pairs: list[Pair] = []
    for seed in (seed for seed in group.runs if seed in baseline.runs):
        noisy, plain = group.runs[seed].eval_points, baseline.runs[seed].eval_points
        level = common_level(noisy, plain)
        places = (None, None) if level is None else (loss_crossing(noisy, level), loss_crossing(plain, level))
        if places[0] and places[1]:
            pairs.append(Pair(_at(noisy, places[0]), _at(plain, places[1])))
    return pairs


def _at(points: Sequence[EvalPoint], place: Crossing) -> Reading:
    return lambda measure: place.read(lambda index: measure(points[index].scores))


def forgotten_pairs(group: Group, baseline: Group, level: float) -> list[Pair]:
    """Return both runs where their forget accuracy first comes down to `level` percent, seed by seed.

    Seeds of which one run does not come down that far are left out. Forget loss is what the method minimises; forget accuracy is
    what it is judged by. It is measured on the questions scored along the run, so `level` should be well above chance.
    """
    pairs: list[Pair] = []
    if group.forgets and baseline.forgets:
        for seed in (seed for seed in group.runs if seed in baseline.runs):
            noisy, plain = group.runs[seed].eval_points, baseline.runs[seed].eval_points
            places = [fall([forget_accuracy(point.scores) for point in points], level) for points in (noisy, plain)]
            if places[0] and places[1]:
                pairs.append(Pair(_at(noisy, places[0]), _at(plain, places[1])))
    return pairs


def difference(pairs: Sequence[Pair], measure: Measure) -> Interval | None:
    """Return the mean over pairs of the noisy run's value less the baseline's; None without a pair."""
    return interval([less(noisy(measure), baseline(measure)) for noisy, baseline in pairs]) if pairs else None
