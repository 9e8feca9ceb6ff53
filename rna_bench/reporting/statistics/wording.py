"""Groups, trigger types and numbers in the words of the verdicts."""

from collections.abc import Iterable, Sequence

from rna_bench.core.types import TriggerType
from rna_bench.reporting.statistics.effects import MARGIN, Effect
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval
from rna_bench.reporting.statistics.rules import Tested
from rna_bench.reporting.statistics.significance import LEVEL


def group_name(group: Group) -> str:
    """Return the group's model, method and the settings that vary."""
    return f"{group.model}, {method_name(group)}"


def method_name(group: Group) -> str:
    """Return the group's method, with the settings that vary."""
    return group.method + (f" ({group.settings})" if group.settings else "")


def seeds(count: int) -> str:
    """Return a number of seeds in words."""
    return f"{count} seed{'' if count == 1 else 's'}"


def points(value: Interval) -> str:
    """Return a mean with the half width of its interval, if it has one."""
    return f"{value.mean:.1f}" + ("" if value.half is None else f" ± {value.half:.1f}")


def signed(value: Interval | None) -> str:
    """Return a mean as `points` does, with its sign."""
    return "not measured" if value is None else f"{'+' if value.mean >= 0 else ''}{points(value)}"


def chance(p: float) -> str:
    """Return a p-value: three places where it is small, two where it is not."""
    return "p < 0.001" if p < 0.001 else f"p {p:.3f}" if p < 0.1 else f"p {p:.2f}"


def names(trigger_types: Iterable[TriggerType]) -> str:
    """Return trigger types, separated by commas."""
    return ", ".join(f"`{one.trigger}`" for one in trigger_types)


def each(tests: Tested) -> str:
    """Return the effect under each trigger type with its corrected p."""
    return ", ".join(_each(one.trigger, own, tests.corrected[one]) for one, own in tests.effects.items())


def _each(trigger: str, own: Effect, p: float) -> str:
    if own.half is None:
        return f"`{trigger}` {own.mean:.1f}"
    over = "equal in all seeds; over questions " if own.over_questions else ""
    return f"`{trigger}` {own.mean:.1f} ± {own.half:.1f} ({over}{chance(p)})"


def rests_on(tests: Tested) -> str:
    """Return the number of seeds that a verdict rests on; "" for one, which the verdict says itself."""
    return f", {seeds(tests.seeds)}" if tests.seeds > 1 else ""


def sorted_out(tests: Tested) -> str:
    """Return which trigger types are above 0, below the margin, or below 0, and what could have been seen; of one seed nothing."""
    if tests.seeds < 2:
        return ""
    others = [one for one in tests.effects if one not in tests.above]
    parts = {"not": others if tests.above else (), f"below {MARGIN:g} points": tests.within, "below 0": tests.negative}
    rest = "".join(f"; {what}: {names(types)}" for what, types in parts.items() if types)
    strictest = f", {_range(detectable([tests], strictest=True))} after Holm" if len(tests.effects) > 1 else ""
    return f"Above 0: {names(tests.above) or 'none'}{rest}. Detectable: {_range(detectable([tests]))} points{strictest}."


def detectable(all_tests: Sequence[Tested], *, strictest: bool = False) -> list[float]:
    """Return the effects that the seeds could have seen, by trigger type; with `strictest` at the lowest level that Holm sets."""
    return [
        own.detectable(LEVEL / (len(tests.effects) if strictest else 1))
        for tests in all_tests
        for own in tests.effects.values()
        if tests.seeds > 1
    ]


def seen(all_tests: Sequence[Tested]) -> str:
    """Return the range of the effects that could have been seen; "" where there is one seed each."""
    values = detectable(all_tests)
    return f" Detectable: {_range(values)} points." if values else ""


def _range(values: Sequence[float]) -> str:
    """Return the lowest and the highest value; accuracies cannot differ by more than 100 points."""
    low, high = (f"{value:.1f}" if value <= 100 else "over 100" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
