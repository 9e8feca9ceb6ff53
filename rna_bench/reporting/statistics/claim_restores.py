"""Claim 2, noise restores robustness: the verdict on each group with noise, beside its no-noise baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

from rna_bench.core.types import RunRecord, Score, TriggerType
from rna_bench.reporting.statistics import wording
from rna_bench.reporting.statistics.counts import Judged
from rna_bench.reporting.statistics.effects import MARGIN, TwoAccuracies
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval, interval
from rna_bench.reporting.statistics.pairs import Pair, difference, final_pairs, matched_pairs
from rna_bench.reporting.statistics.rules import FORGOTTEN, Tested, Verdict, corrected_tests, restores
from rna_bench.reporting.statistics.scores import (
    forget_accuracy,
    less,
    mean_perturbed_accuracy,
    retain_accuracy,
    retain_questions,
)
from rna_bench.reporting.statistics.unfinished import unfinished_line

TITLE = "RNA restores robustness"
RULE = (
    "Tested is each trigger type's gain in perturbed accuracy over the baseline without noise, paired by seed, as for claim "
    "1. yes: a type gains both at equal steps and at matched forgetting (where both first have the same forget loss); where "
    f"each such gain is also shown to be below {MARGIN:g} points at matched forgetting, that is said. only at equal steps: "
    f"one gains there alone. no: at matched forgetting each gain is below {MARGIN:g} points. not shown: none of these. not "
    f"comparable: where both first have the same forget loss, forget accuracy is still above {FORGOTTEN}%. p is corrected "
    "for the group's trigger types, not for the number of groups; table `tests` has the mean over types with Holm's "
    "correction for all groups. ± is the 95% interval of one type, not corrected: where it excludes 0 the corrected p need not."
)

UNCHANGED = "Every score is that without noise, in each seed, so nothing is learned of what noise does to robustness."


def shared_types(group: Group, baseline: Group) -> list[TriggerType]:
    """Return the trigger types that both groups were scored under."""
    return [one for one in group.trigger_types if one in baseline.trigger_types]


@dataclass(frozen=True)
class Comparison:
    """Both groups at one moment: tests of each trigger type's gain, the mean gain, and the baseline's trigger-induced drop."""

    tests: Tested
    gain: Interval
    drop: Interval


def restoring(group: Group, baseline: Group, failed: Sequence[RunRecord]) -> Judged:
    """Return the verdict on a group with noise; `failed` are runs that did not finish."""
    ends, matched = final_pairs(group, baseline), matched_pairs(group, baseline)
    name = f"{wording.group_name(group)}, noise {group.noise}"
    without = unfinished_line(baseline, failed)
    beside = [unfinished_line(group, failed), f"Without noise: {without}" if without else ""]
    if not ends or not matched:
        return Judged(group, Verdict.unmatched, None, _text([f"{name}: **{Verdict.unmatched.value}**.", *beside]))
    shared = shared_types(group, baseline)
    steps, level = _compared(ends, shared), _compared(matched, shared)
    forgets = group.forgets and baseline.forgets
    left = interval([plain(forget_accuracy) for _, plain in matched]) if forgets else None
    if _unchanged(group, baseline):
        return Judged(group, Verdict.unchanged, None, _text([f"{name}: **{Verdict.unchanged.value}**. {UNCHANGED}", *beside]))
    verdict = restores(steps.tests, level.tests, left.mean if left else None)
    forget = f" (forget accuracy {wording.signed(difference(ends, forget_accuracy))})" if forgets else ""
    meeting = f" (forget accuracy is {wording.points(left)} there)" if left else ""
    lines = [
        f"{name}: **{verdict.value}**{wording.rests_on(min(steps.tests, level.tests, key=lambda tests: tests.seeds))}.",
        *_lines("At equal steps", steps, forget),
        *_lines("At matched forgetting", level, meeting),
    ]
    return Judged(group, verdict, level.tests, _text([*lines, *beside]))


def _unchanged(group: Group, baseline: Group) -> bool:
    """Return whether every score is that without noise: as where what is drawn cancels out."""
    seeds = [seed for seed in group.runs if seed in baseline.runs]
    return all(group.runs[seed].scores == baseline.runs[seed].scores for seed in seeds)


def _compared(pairs: Sequence[Pair], shared: Sequence[TriggerType]) -> Comparison:
    def perturbed(scores: Sequence[Score]) -> float:
        return mean_perturbed_accuracy(scores, shared)

    def drop(scores: Sequence[Score]) -> float:
        return less(retain_accuracy(scores), perturbed(scores))

    gain = interval([less(pair.noisy(perturbed), pair.baseline(perturbed)) for pair in pairs])
    tests = corrected_tests({one: [_accuracies(pair, one) for pair in pairs] for one in shared})
    return Comparison(tests, gain, interval([pair.baseline(drop) for pair in pairs]))


def _accuracies(pair: Pair, one: TriggerType) -> TwoAccuracies:
    def accuracy(scores: Sequence[Score]) -> float:
        return retain_accuracy(scores, one.trigger)

    def questions(scores: Sequence[Score]) -> float:
        return retain_questions(scores, one.trigger)

    return TwoAccuracies(pair.noisy(accuracy), pair.baseline(accuracy), pair.baseline(questions))


def _lines(moment: str, here: Comparison, beside: str) -> list[str]:
    gain = (
        f"{moment} {wording.signed(here.gain)} of a drop of {wording.points(here.drop)} points{beside}: {wording.each(here.tests)}."
    )
    return [gain, wording.sorted_out(here.tests)]


def _text(lines: Sequence[str]) -> str:
    return "\n".join(line for line in lines if line)
