"""A group with noise beside its no-noise baseline, seed by seed: at equal steps, at equal forget loss, at equal forget accuracy."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from rna_bench.core.types import CLEAN, EvalPoint, Score, TriggerType
from rna_bench.reporting.statistics.crossings import Crossing, common_level, fall, loss_crossing
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval, accuracy_interval, difference_interval, interval
from rna_bench.reporting.statistics.scores import Measure, final_forget_loss, forget_accuracy, question_count, retain_accuracy

Reading: TypeAlias = Callable[[Measure], float]
"""Evaluates a measure on one run's scores at one moment."""


class Pair(NamedTuple):
    """Readings of a run with noise and of its no-noise baseline of the same seed."""

    noisy: Reading
    baseline: Reading


def over_seeds(group: Group, measure: Measure) -> Interval:
    """Return the mean over the group's seeds of a measure in points, with its interval within -100 and 100; none of one seed."""
    value = interval([measure(run.scores) for run in group.runs.values()])
    if value.low is None or value.high is None:
        return value
    return value._replace(low=max(value.low, -100.0), high=min(value.high, 100.0))


def accuracy_over_seeds(group: Group, measure: Measure, role: str = "retain") -> Interval:
    """Return the mean over the group's seeds of an accuracy on questions of a role, with its interval within 0 and 100."""
    return accuracy_interval([measure(run.scores) for run in group.runs.values()], _questions(group, role))


def task_over_seeds(group: Group, task: str) -> Interval | None:
    """Return the mean accuracy on a task's clean questions over the seeds that were asked them; None without such a seed."""
    scored = [score for run in group.runs.values() for score in run.scores if (score.task, score.perturbation) == (task, CLEAN)]
    return score_interval(scored) if scored else None


def score_interval(scores: Sequence[Score]) -> Interval:
    """Return the mean of scores, one a seed, in percent, with its interval within 0 and 100."""
    return accuracy_interval([100 * score.accuracy for score in scores], min(score.n for score in scores))


def drop_over_seeds(group: Group, full: Measure, less: Measure) -> Interval:
    """Return the mean over the group's seeds of one accuracy on retain questions less another, with its interval."""
    runs = group.runs.values()
    ones, others = ([measure(run.scores) for run in runs] for measure in (full, less))
    return difference_interval(ones, others, _questions(group, "retain"))


def drop_beyond_control_over_seeds(group: Group, one: TriggerType) -> Interval:
    """Return the mean over the group's seeds of the accuracy with the control less that with the trigger."""
    return drop_over_seeds(group, lambda s: retain_accuracy(s, one.control), lambda s: retain_accuracy(s, one.trigger))


def _questions(group: Group, role: str) -> int:
    return min(question_count(run.scores, role) for run in group.runs.values())


def final_forget_loss_over_seeds(group: Group) -> Interval | None:
    """Return the mean final forget loss with its interval; None where no run has a finite one."""
    losses = [loss for run in group.runs.values() if (loss := final_forget_loss(run)) is not None]
    return interval(losses) if losses else None


def perplexity_over_seeds(group: Group) -> Interval | None:
    """Return the mean perplexity on held-out text with its interval; None where no run has a finite one."""
    measured = [run.perplexity.value for run in group.runs.values() if run.perplexity and run.perplexity.value is not None]
    return interval(measured) if measured else None


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


def difference(pairs: Sequence[Pair], measure: Measure, role: str = "retain") -> Interval | None:
    """Return the mean over pairs of the noisy run's accuracy on questions of a role less the baseline's.

    Pairs in which a side was not asked such questions are left out; None where none is left.
    """
    values = [(pair.noisy(measure), pair.baseline(measure), pair) for pair in pairs]
    measured = [(one, other, pair) for one, other, pair in values if not math.isnan(one - other)]
    if not measured:
        return None
    asked = min(side(lambda scores: question_count(scores, role)) for _, _, pair in measured for side in pair)
    ones, others, _ = zip(*measured, strict=True)
    return difference_interval(ones, others, round(asked))
