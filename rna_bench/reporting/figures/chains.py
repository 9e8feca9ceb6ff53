"""Groups as figures show them: each method's no-noise baseline, followed by its groups with noise of rising scale."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import NamedTuple

from matplotlib.figure import Figure

from rna_bench.core.types import LETTERS, TriggerType
from rna_bench.reporting.figures.style import MethodStyle, style_of
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval
from rna_bench.reporting.statistics.pairs import accuracy_over_seeds, baselines, drop_over_seeds
from rna_bench.reporting.statistics.scores import (
    Measure,
    forget_accuracy,
    has_role,
    mean_perturbed_accuracy,
    retain_accuracy,
)

CHANCE = 100 / len(LETTERS)
LONGEST, LINE = 40, 22
"""The most characters of settings in a label, and in a line of a title."""


class Drawn(NamedTuple):
    """A figure, the name of its files and its caption."""

    name: str
    caption: str
    figure: Figure


class Missing(NamedTuple):
    """A figure that cannot be drawn from the records, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Chain:
    """A method's no-noise baseline and its groups with noise of rising scale, all else equal.

    `settings` are those that distinguish the chain from others of its method.
    """

    settings: str
    style: MethodStyle
    plain: Group | None
    noisy: tuple[Group, ...]

    @property
    def label(self) -> str:
        """The method's name and settings, in a line."""
        return f"{self.style.label}, {self.settings}" if self.settings else self.style.label

    def title(self, panel: str) -> str:
        """Return the name as the title of a panel, in lines; `panel` is the model's name, or "" where there is one model."""
        return "\n".join(line for line in (panel, self.style.label, fill(self.settings, LINE)) if line)

    @property
    def members(self) -> tuple[Group, ...]:
        """The baseline, where there is one, and the groups with noise."""
        return (*((self.plain,) if self.plain else ()), *self.noisy)


@dataclass(frozen=True)
class Panel:
    """One model in one dtype: its chains, and its base group where that was scored."""

    title: str
    base: Group | None
    chains: tuple[Chain, ...]


def panels(groups: Sequence[Group]) -> list[Panel]:
    """Return a panel for each model and dtype of which a group unlearned."""
    dtypes = {group.dtype for group in groups}
    methods = [group.method for group in groups]
    by_model: list[Panel] = []
    for model, dtype in dict.fromkeys((group.model, group.dtype) for group in groups if group.unlearned):
        here = [group for group in groups if (group.model, group.dtype) == (model, dtype)]
        base = next((group for group in here if not group.unlearned), None)
        title = model if len(dtypes) == 1 else f"{model}, {dtype}"
        chains = _chains([group for group in here if group.unlearned], methods)
        by_model.append(Panel(title, base, tuple(sorted(chains, key=_order))))
    return by_model


def _order(chain: Chain) -> tuple[str, list[float], str]:
    """Return a chain's sort key: the method, the numbers in its settings (2 before 16), and the whole settings."""
    numbers = re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])", chain.settings)
    return chain.style.label, [float(number) for number in numbers], chain.settings


def _chains(unlearned: Sequence[Group], methods: Sequence[str]) -> Iterable[Chain]:
    noisy: dict[tuple[str, str, str], list[Group]] = {}
    for group in unlearned:
        if group.scale > 0:
            noisy.setdefault((group.baseline_key, group.settings, group.noise_unit), []).append(group)
    plain = baselines(unlearned)
    for (key, _, _), members in noisy.items():
        yield _chain(plain.get(key), members, methods)
    with_noise = {key for key, _, _ in noisy}
    for key, group in plain.items():
        if key not in with_noise:
            yield _chain(group, (), methods)


def _chain(plain: Group | None, noisy: Sequence[Group], methods: Sequence[str]) -> Chain:
    one = noisy[0] if noisy else plain
    assert one is not None, "a chain has a member"
    style = style_of(one.method, methods)
    return Chain(_short(one.settings), style, plain, tuple(sorted(noisy, key=lambda group: group.scale)))


def _short(settings: str) -> str:
    """Return settings in words: `method.steering_coefficient=8.0` as `steering coefficient 8`."""
    parts = [part.partition("=") for part in settings.split(", ") if part]
    words = [(key.removeprefix("method.").replace(".", " ").replace("_", " "), _number(value)) for key, _, value in parts]
    text = ", ".join(f"{key} {value}".strip() for key, value in words)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _number(text: str) -> str:
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def perturbed(trigger_types: Sequence[TriggerType]) -> Measure:
    """Return the measure of perturbed accuracy over the trigger types."""
    return lambda scores: mean_perturbed_accuracy(scores, trigger_types)


class Quantity(NamedTuple):
    """An accuracy, or `full` less it, with its label, whether it is defined for a group, and the role of its questions."""

    label: str
    value: Measure
    defined: Callable[[Group], bool]
    role: str = "retain"
    full: Measure | None = None

    def over_seeds(self, group: Group) -> Interval:
        """Return the measure's mean over the group's seeds, with its interval."""
        if self.full:
            return drop_over_seeds(group, self.full, self.value)
        return accuracy_over_seeds(group, self.value, self.role)


def quantities(groups: Sequence[Group]) -> list[Quantity]:
    """Return the quantities defined for some group: forget accuracy, clean retain accuracy, and that by trigger type."""
    every = [
        Quantity("forget ↓", forget_accuracy, lambda group: group.forgets, "forget"),
        Quantity("clean retain ↑", retain_accuracy, _retains),
        *map(_under, TriggerType),
    ]
    return [quantity for quantity in every if any(quantity.defined(group) for group in groups)]


def _under(trigger_type: TriggerType) -> Quantity:
    trigger = trigger_type.trigger
    return Quantity(
        f"{trigger} trigger ↑",
        lambda scores: retain_accuracy(scores, trigger),
        lambda group: trigger_type in group.trigger_types,
    )


def drops(groups: Sequence[Group]) -> list[Quantity]:
    """Return the drop beyond control by trigger type, as far as it is defined for some group."""
    shown = [one for one in TriggerType if any(one in group.trigger_types for group in groups)]
    return [_under(one)._replace(label=one.trigger, full=_control(one)) for one in shown]


def _control(trigger_type: TriggerType) -> Measure:
    return lambda scores: retain_accuracy(scores, trigger_type.control)


def _retains(group: Group) -> bool:
    return all(has_role(run.scores, "retain") for run in group.runs.values())


def common_trigger_types(groups: Sequence[Group]) -> list[TriggerType]:
    """Return the trigger types that every group was scored under, so that means over them are comparable."""
    return [one for one in TriggerType if groups and all(one in group.trigger_types for group in groups)]
