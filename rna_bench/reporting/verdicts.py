"""What the records say of the paper's two claims, in sentences made from the numbers."""

from collections.abc import Sequence

from rna_bench.reporting.frame import Group, damage, forget_accuracy, pooled
from rna_bench.reporting.pairs import difference, final_pairs, matched_pairs
from rna_bench.reporting.statistics import Interval, interval
from rna_bench.schema import CLEAN, Score


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
        "1. Unlearning breaks on a trigger (yes: the interval of the worst damage is above 0).",
        *first,
    ]
    if second:
        lines += [
            "2. RNA repairs it (yes: perturbed accuracy, the mean over the kinds of trigger, rises at equal steps and at matched",
            "   forgetting, with both intervals above 0; only at equal steps: the first alone).",
            *second,
        ]
    return "\n".join(lines)


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
    steps, level = difference(ends, perturbed), difference(matched, perturbed)
    forget = difference(ends, forget_accuracy) if group.forgets and twin.forgets else None
    at_steps = steps is not None and steps.above_zero
    at_level = level is not None and level.above_zero
    verdict = ("yes" if at_level else "only at equal steps") if at_steps else "no"
    lost = interval([pooled(run.scores, CLEAN) - perturbed(run.scores) for run in twin.runs.values()])
    return (
        f"   - {_name(group)}, noise {group.noise}: **{_told(verdict, steps)}**. Of {_points(lost)} points lost to triggers, "
        f"{_signed(steps)} at equal steps and {_signed(level)} at matched forgetting; forget accuracy {_signed(forget)}."
    )


def _told(verdict: str, value: Interval | None) -> str:
    """Return the verdict, or why there is none."""
    return verdict if value is not None and value.half is not None else "not told by one seed"


def _name(group: Group) -> str:
    return f"{group.model}, {group.method}" + (f" ({group.settings})" if group.settings else "")


def _points(value: Interval) -> str:
    return f"{value.mean:.1f}" + ("" if value.half is None else f" ± {value.half:.1f}")


def _signed(value: Interval | None) -> str:
    return "not measured" if value is None else f"{'+' if value.mean >= 0 else ''}{_points(value)}"
