"""What the records say of the paper's two claims, in sentences made from the numbers."""

from collections.abc import Sequence

from rna_bench.core.types import CLEAN, Score
from rna_bench.reporting.statistics.frame import Group, damage, forget_accuracy, pooled, task_accuracy
from rna_bench.reporting.statistics.intervals import Interval, interval
from rna_bench.reporting.statistics.pairs import difference, final_pairs, matched_pairs

FORGOTTEN = 40
"""Percent of forget questions; a model that answers more of them than this has not forgotten."""
KEPT = 10
"""Points of retain accuracy below the base model's; a model that has lost more than this has not kept what it should."""


def claims(found: Sequence[Group]) -> str:
    """Return both claims with a line of evidence for each group; a verdict follows from intervals by the rules it states."""
    plain = {group.twin: group for group in found if group.unlearned and group.scale == 0 and group.kinds}
    noisy = [group for group in found if group.unlearned and group.scale > 0 and group.kinds]
    if not plain:
        return ""
    first = [_breaks(group) for group in plain.values()]
    second = [
        _repairs(group, plain[group.twin])
        for group in noisy
        if group.twin in plain and set(group.kinds) & set(plain[group.twin].kinds)
    ]
    lines = [
        "## The two claims",
        "",
        *_fitness(found),
        "1. Unlearning breaks on a trigger (yes: the interval of the worst damage is above 0).",
        *first,
    ]
    if second:
        lines += [
            "2. RNA repairs it (yes: perturbed accuracy, the mean over the kinds of trigger, rises at equal steps and at matched",
            "   forgetting, with both intervals above 0; only at equal steps: the first alone; not comparable: where both first",
            f"   have the same forget loss, more than {FORGOTTEN}% of forget questions are still answered).",
            *second,
        ]
    return "\n".join(lines)


def _fitness(found: Sequence[Group]) -> list[str]:
    """Return which groups did not forget, or did not keep what they should, and how far off they are."""
    scored = [group for group in found if group.forgets and group.kinds]  # triggers are in retain questions: there are some
    bases = {(group.model, group.dtype): _retained(group) for group in scored if not group.unlearned}
    asked = [group for group in scored if group.unlearned and (group.model, group.dtype) in bases]
    if not asked:
        return []
    failed = [line for group in asked for line in _unfit(group, bases[group.model, group.dtype], found)]
    rule = f"at most {FORGOTTEN}% on each forget task, retain accuracy at least the base model's less {KEPT} points"
    if not failed:
        return [f"0. Every method forgets and keeps ({rule}).", ""]
    return [f"0. These do not forget, or do not keep ({rule}); all others do both.", *failed]


def _unfit(group: Group, base: float, found: Sequence[Group]) -> list[str]:
    shown = f"   - {_name(group)}, noise {group.noise}: "
    tasks = dict.fromkeys(s.task for run in group.runs.values() for s in run.scores if s.role == "forget")
    accuracy = {task: [task_accuracy(run.scores, task) for run in group.runs.values()] for task in tasks}
    lines = [
        f"{shown}**does not forget** {task}: {interval(seen).mean:.1f} ({_by_seed(group, seen)}){_delay(group, found)}."
        for task, seen in accuracy.items()
        if interval(seen).mean > FORGOTTEN
    ]
    kept = [pooled(run.scores, CLEAN) for run in group.runs.values()]
    if interval(kept).mean < base - KEPT:
        lines.append(f"{shown}**does not keep**: {interval(kept).mean:.1f} of {base:.1f} ({_by_seed(group, kept)}).")
    return lines


def _by_seed(group: Group, values: Sequence[float]) -> str:
    return ", ".join(f"seed {seed} {value:.1f}" for seed, value in zip(group.runs, values, strict=True))


def _delay(group: Group, found: Sequence[Group]) -> str:
    """Return how far the forget loss has come down, beside the twin's without noise."""
    twin = next((other for other in found if other.twin == group.twin and other.scale == 0), None)
    ends = [_forget_loss(one) for one in (group, twin) if one]
    if twin is None or twin is group or None in ends:
        return ""
    return f"; its forget loss ends at {ends[0]:.2f}, without noise at {ends[1]:.2f}"


def _forget_loss(group: Group) -> float | None:
    ends = [run.eval_points[-1].forget_loss for run in group.runs.values() if run.eval_points]
    known = [loss for loss in ends if loss is not None]
    return interval(known).mean if known else None


def _retained(group: Group) -> float:
    return interval([pooled(run.scores, CLEAN) for run in group.runs.values()]).mean


def _breaks(group: Group) -> str:
    costs = {kind: interval([damage(kind)(run.scores) for run in group.runs.values()]) for kind in group.kinds}
    worst = max(costs, key=lambda kind: costs[kind].mean)
    each = ", ".join(f"`{kind.trigger}` {_points(cost)}" for kind, cost in costs.items())
    verdict = "yes" if costs[worst].above_zero else "no"
    return f"   - {_name(group)}: **{_told(verdict, costs[worst])}**. Points lost beyond the control: {each}."


def _repairs(group: Group, twin: Group) -> str:
    shown = [kind for kind in group.kinds if kind in twin.kinds]

    def perturbed(scores: Sequence[Score]) -> float:
        return sum(pooled(scores, kind.trigger) for kind in shown) / len(shown)

    ends, matched = final_pairs(group, twin), matched_pairs(group, twin)
    name = f"   - {_name(group)}, noise {group.noise}: "
    if not ends or not matched:
        return f"{name}**not told**: no seed in common with the runs without noise, or no look along them."
    steps, level = difference(ends, perturbed), difference(matched, perturbed)
    forgets = group.forgets and twin.forgets
    forget = f" (forget accuracy {_signed(difference(ends, forget_accuracy))})" if forgets else ""
    left = interval([plain(forget_accuracy) for _, plain in matched]) if forgets else None
    lost, at_stake = (interval([plain(_clean) - plain(perturbed) for _, plain in pairs]) for pairs in (ends, matched))
    verdict = _told(_repaired(steps, level, left), steps)
    meeting = f"; forget accuracy is {_points(left)} there" if left else ""
    return (
        f"{name}**{verdict}**. At equal steps {_signed(steps)} of {_points(lost)} points lost to triggers{forget}; "
        f"at matched forgetting {_signed(level)} of {_points(at_stake)}{meeting}."
    )


def _repaired(steps: Interval | None, level: Interval | None, left: Interval | None) -> str:
    """Return the verdict on claim 2 by the rules that `claims` states."""
    if left and left.mean > FORGOTTEN:
        return "not comparable: not forgotten with this noise"
    if not (steps and steps.above_zero):
        return "not shown"
    return "yes" if level and level.above_zero else "only at equal steps"


def _clean(scores: Sequence[Score]) -> float:
    return pooled(scores, CLEAN)


def _told(verdict: str, value: Interval | None) -> str:
    """Return the verdict, or why there is none."""
    return verdict if value is not None and value.half is not None else "not told by one seed"


def _name(group: Group) -> str:
    return f"{group.model}, {group.method}" + (f" ({group.settings})" if group.settings else "")


def _points(value: Interval) -> str:
    return f"{value.mean:.1f}" + ("" if value.half is None else f" ± {value.half:.1f}")


def _signed(value: Interval | None) -> str:
    return "not measured" if value is None else f"{'+' if value.mean >= 0 else ''}{_points(value)}"
