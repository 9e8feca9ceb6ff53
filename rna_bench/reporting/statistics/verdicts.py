"""The paper's two claims, judged by the records in sentences made from the numbers."""

from collections.abc import Sequence

from rna_bench.core.types import Score
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval, interval
from rna_bench.reporting.statistics.pairs import (
    baselines,
    difference,
    final_forget_loss_over_seeds,
    final_pairs,
    matched_pairs,
    over_seeds,
)
from rna_bench.reporting.statistics.scores import (
    drop_beyond_control,
    forget_accuracy,
    mean_perturbed_accuracy,
    retain_accuracy,
    task_accuracy,
)

FORGOTTEN = 40
"""The highest forget accuracy, in percent, at which a model counts as having forgotten."""
RETAINED = 10
"""The largest drop of retain accuracy below the base model's, in points, at which a model counts as having retained."""
UNDETERMINED = "undetermined: one seed"


def claims(groups: Sequence[Group]) -> str:
    """Return both claims with a line of evidence for each group; a verdict follows from intervals by the rule stated above it."""
    plain = {key: group for key, group in baselines(groups).items() if group.trigger_types}
    noisy = [group for group in groups if group.unlearned and group.scale > 0 and group.trigger_types]
    if not plain:
        return ""
    first = [_breaks(group) for group in plain.values()]
    second = [
        _gains(group, plain[group.baseline_key])
        for group in noisy
        if group.baseline_key in plain and set(group.trigger_types) & set(plain[group.baseline_key].trigger_types)
    ]
    lines = [
        "## The two claims",
        "",
        *_fitness(groups),
        "1. Unlearning breaks on a trigger (yes: the interval of the largest drop beyond control is above 0).",
        *first,
    ]
    if second:
        lines += [
            "2. RNA restores robustness (yes: perturbed accuracy, the mean over trigger types, rises at equal steps and at matched",
            "   forgetting, with both intervals above 0; only at equal steps: the first alone; not comparable: where both first",
            f"   have the same forget loss, forget accuracy is still above {FORGOTTEN}%).",
            *second,
        ]
    return "\n".join(lines)


def _fitness(groups: Sequence[Group]) -> list[str]:
    """Return which groups did not forget, or did not retain, and by how much."""
    scored = [group for group in groups if group.forgets and group.trigger_types]  # triggers imply retain questions
    bases = {(group.model, group.dtype): _retained(group) for group in scored if not group.unlearned}
    judged = [group for group in scored if group.unlearned and (group.model, group.dtype) in bases]
    if not judged:
        return []
    failed = [line for group in judged for line in _unfit(group, bases[group.model, group.dtype], groups)]
    rule = f"at most {FORGOTTEN}% on each forget task, retain accuracy at least the base model's less {RETAINED} points"
    if not failed:
        return [f"0. Every method forgets and retains ({rule}).", ""]
    return [f"0. These do not forget, or do not retain ({rule}); all others do both.", *failed]


def _unfit(group: Group, base: float, groups: Sequence[Group]) -> list[str]:
    shown = f"   - {_name(group)}, noise {group.noise}: "
    tasks = dict.fromkeys(s.task for run in group.runs.values() for s in run.scores if s.role == "forget")
    accuracy = {task: [task_accuracy(run.scores, task) for run in group.runs.values()] for task in tasks}
    lines = [
        f"{shown}**does not forget** {task}: {interval(values).mean:.1f} ({_by_seed(group, values)}){_delay(group, groups)}."
        for task, values in accuracy.items()
        if interval(values).mean > FORGOTTEN
    ]
    retained = [retain_accuracy(run.scores) for run in group.runs.values()]
    if interval(retained).mean < base - RETAINED:
        lines.append(f"{shown}**does not retain**: {interval(retained).mean:.1f} of {base:.1f} ({_by_seed(group, retained)}).")
    return lines


def _by_seed(group: Group, values: Sequence[float]) -> str:
    return ", ".join(f"seed {seed} {value:.1f}" for seed, value in zip(group.runs, values, strict=True))


def _delay(group: Group, groups: Sequence[Group]) -> str:
    """Return the final forget losses of the group and of its no-noise baseline in words; "" where one is missing."""
    baseline = next((other for other in groups if other.baseline_key == group.baseline_key and other.scale == 0), None)
    if baseline is None or baseline is group:
        return ""
    end, without = final_forget_loss_over_seeds(group), final_forget_loss_over_seeds(baseline)
    return f"; its forget loss ends at {end.mean:.2f}, without noise at {without.mean:.2f}" if end and without else ""


def _retained(group: Group) -> float:
    return over_seeds(group, retain_accuracy).mean


def _breaks(group: Group) -> str:
    drops = {one: over_seeds(group, lambda scores, one=one: drop_beyond_control(scores, one)) for one in group.trigger_types}
    largest = max(drops.values(), key=lambda drop: drop.mean)
    each = ", ".join(f"`{one.trigger}` {_points(drop)}" for one, drop in drops.items())
    verdict = "yes" if largest.above_zero else "no"
    return f"   - {_name(group)}: **{_verdict(verdict, largest)}**. Drop beyond control, in points: {each}."


def _gains(group: Group, baseline: Group) -> str:
    shown = [one for one in group.trigger_types if one in baseline.trigger_types]

    def perturbed(scores: Sequence[Score]) -> float:
        return mean_perturbed_accuracy(scores, shown)

    def drop(scores: Sequence[Score]) -> float:
        return retain_accuracy(scores) - perturbed(scores)

    ends, matched = final_pairs(group, baseline), matched_pairs(group, baseline)
    name = f"   - {_name(group)}, noise {group.noise}: "
    if not ends or not matched:
        return f"{name}**undetermined**: no seed in common with the no-noise baseline, or no eval points."
    steps, level = difference(ends, perturbed), difference(matched, perturbed)
    forgets = group.forgets and baseline.forgets
    forget = f" (forget accuracy {_signed(difference(ends, forget_accuracy))})" if forgets else ""
    left = interval([plain(forget_accuracy) for _, plain in matched]) if forgets else None
    final_drop, matched_drop = (interval([plain(drop) for _, plain in pairs]) for pairs in (ends, matched))
    verdict = _verdict(_judged(steps, level, left), steps)
    meeting = f"; forget accuracy is {_points(left)} there" if left else ""
    return (
        f"{name}**{verdict}**. At equal steps {_signed(steps)} of a drop of {_points(final_drop)} points{forget}; "
        f"at matched forgetting {_signed(level)} of {_points(matched_drop)}{meeting}."
    )


def _judged(steps: Interval | None, level: Interval | None, left: Interval | None) -> str:
    """Return the verdict on claim 2 by the rule that `claims` states."""
    if left and left.mean > FORGOTTEN:
        return "not comparable: not forgotten with this noise"
    if not (steps and steps.above_zero):
        return "not shown"
    return "yes" if level and level.above_zero else "only at equal steps"


def _verdict(verdict: str, value: Interval | None) -> str:
    """Return the verdict, or that one seed allows none."""
    return verdict if value is not None and value.half is not None else UNDETERMINED


def _name(group: Group) -> str:
    return f"{group.model}, {group.method}" + (f" ({group.settings})" if group.settings else "")


def _points(value: Interval) -> str:
    return f"{value.mean:.1f}" + ("" if value.half is None else f" ± {value.half:.1f}")


def _signed(value: Interval | None) -> str:
    return "not measured" if value is None else f"{'+' if value.mean >= 0 else ''}{_points(value)}"
