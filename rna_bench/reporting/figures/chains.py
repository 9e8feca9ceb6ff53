"""Groups in the order that figures show them: each method without noise, and with more and more of it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import NamedTuple

from matplotlib.figure import Figure

from rna_bench.core.types import CLEAN, LETTERS, Score, TriggerType
from rna_bench.reporting.figures.style import Look, look_of
from rna_bench.reporting.statistics.frame import Group, forget_accuracy, pooled
from rna_bench.reporting.statistics.intervals import Interval, interval

CHANCE = 100 / len(LETTERS)
LONGEST, LINE = 40, 22
"""Letters of settings that a label has room for, and a line of a title."""


class Drawn(NamedTuple):
    """A figure, the name of its files and what it shows."""

    name: str
    caption: str
    figure: Figure


class Missing(NamedTuple):
    """A figure that the records have nothing to say in, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Chain:
    """A method without noise and its twins with noise, which rises; all else is equal. `settings` are those that tell it apart."""

    settings: str
    look: Look
    plain: Group | None
    noisy: tuple[Group, ...]

    @property
    def label(self) -> str:
        """Its name in a line."""
        return f"{self.look.label}, {self.settings}" if self.settings else self.look.label

    def title(self, panel: str) -> str:
        """Return its name over a panel, with the model's where there are several ("" else), a line each."""
        return "\n".join(line for line in (panel, self.look.label, fill(self.settings, LINE)) if line)

    @property
    def members(self) -> tuple[Group, ...]:
        return (*((self.plain,) if self.plain else ()), *self.noisy)


@dataclass(frozen=True)
class Panel:
    """One model in one dtype: its chains, and the base model where it was scored."""

    title: str
    base: Group | None
    chains: tuple[Chain, ...]


def panels(found: Sequence[Group]) -> list[Panel]:
    """Return a panel a model and dtype, those with something unlearned alone."""
    dtypes = {group.dtype for group in found}
    methods = [group.method for group in found]
    made: list[Panel] = []
    for model, dtype in dict.fromkeys((group.model, group.dtype) for group in found if group.unlearned):
        here = [group for group in found if (group.model, group.dtype) == (model, dtype)]
        base = next((group for group in here if not group.unlearned), None)
        title = model if len(dtypes) == 1 else f"{model}, {dtype}"
        chains = _chains([group for group in here if group.unlearned], methods)
        made.append(Panel(title, base, tuple(sorted(chains, key=_order))))
    return made


def _order(chain: Chain) -> tuple[str, list[float], str]:
    """Return what chains are sorted by: the method, then the numbers in its settings (2 before 16), then all of them."""
    numbers = re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])", chain.settings)
    return chain.look.label, [float(number) for number in numbers], chain.settings


def _chains(unlearned: Sequence[Group], methods: Sequence[str]) -> Iterable[Chain]:
    noisy: dict[tuple[str, str, str], list[Group]] = {}
    for group in unlearned:
        if group.scale > 0:
            noisy.setdefault((group.twin, group.settings, _unit(group)), []).append(group)
    plain = [group for group in unlearned if group.scale <= 0]
    for (twin, _, _), members in noisy.items():
        yield _chain(next((group for group in plain if group.twin == twin), None), members, methods)
    served = {twin for twin, _, _ in noisy}
    for group in plain:
        if group.twin not in served:
            yield _chain(group, (), methods)


def _chain(plain: Group | None, noisy: Sequence[Group], methods: Sequence[str]) -> Chain:
    one = noisy[0] if noisy else plain
    assert one is not None, "a chain has a member"
    look = look_of(one.method, methods)
    return Chain(_short(one.settings), look, plain, tuple(sorted(noisy, key=lambda group: group.scale)))


def _short(settings: str) -> str:
    """Return settings as they are said: `method.steering_coefficient=8.0` as `steering coefficient 8`."""
    parts = [part.partition("=") for part in settings.split(", ") if part]
    said = [(key.removeprefix("method.").replace(".", " ").replace("_", " "), _number(value)) for key, _, value in parts]
    text = ", ".join(f"{key} {value}".strip() for key, value in said)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _number(text: str) -> str:
    try:
        return f"{float(text):g}"
    except ValueError:
        return text


def _unit(group: Group) -> str:
    return group.noise.partition(" ")[2]


def over_seeds(group: Group, measure: Callable[[Sequence[Score]], float]) -> Interval:
    """Return a measure's mean over the group's seeds, with its interval."""
    return interval([measure(run.scores) for run in group.runs.values()])


def perturbed(kinds: Sequence[TriggerType]) -> Callable[[Sequence[Score]], float]:
    """Return the measure of perturbed accuracy: the mean over the kinds of trigger."""
    return lambda scores: sum(pooled(scores, kind.trigger) for kind in kinds) / len(kinds)


class Measure(NamedTuple):
    """Something to show of scores, in percent, and the groups that it can be had of."""

    label: str
    value: Callable[[Sequence[Score]], float]
    known: Callable[[Group], bool]


def measures(found: Sequence[Group]) -> list[Measure]:
    """Return what can be had of some group: forget accuracy, clean retain accuracy, and retain accuracy by kind of trigger."""
    kinds = [kind for kind in TriggerType if any(kind in group.kinds for group in found)]
    every = [
        Measure("forget ↓", forget_accuracy, lambda group: group.forgets),
        Measure("clean retain ↑", lambda scores: pooled(scores, CLEAN), _retains),
        *(Measure(f"{kind.trigger} trigger ↑", _under(kind), lambda group, kind=kind: kind in group.kinds) for kind in kinds),
    ]
    return [measure for measure in every if any(measure.known(group) for group in found)]


def _under(kind: TriggerType) -> Callable[[Sequence[Score]], float]:
    return lambda scores: pooled(scores, kind.trigger)


def _retains(group: Group) -> bool:
    return all(any(score.role == "retain" for score in run.scores) for run in group.runs.values())


def shared_kinds(found: Sequence[Group]) -> list[TriggerType]:
    """Return the kinds of trigger that every group was scored under: means over kinds are of the same ones everywhere."""
    return [kind for kind in TriggerType if found and all(kind in group.kinds for group in found)]
