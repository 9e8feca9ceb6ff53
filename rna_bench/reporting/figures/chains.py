"""Groups in the order that figures show them: each method without noise, and with more and more of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from matplotlib.figure import Figure

from rna_bench.reporting.figures.style import Look, look_of
from rna_bench.reporting.frame import Group, forget_accuracy, pooled
from rna_bench.reporting.statistics import Interval, interval
from rna_bench.schema import CLEAN, LETTERS, Kind, Score

CHANCE = 100 / len(LETTERS)


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
    """A method without noise and its twins with noise, which rises; all else is equal."""

    label: str
    look: Look
    plain: Group | None
    noisy: tuple[Group, ...]

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
        made.append(Panel(title, base, tuple(_chains([group for group in here if group.unlearned], methods))))
    return made


def _chains(unlearned: Sequence[Group], methods: Sequence[str]) -> Iterable[Chain]:
    noisy: dict[tuple[str, str, str], list[Group]] = {}
    for group in unlearned:
        if group.scale > 0:
            noisy.setdefault((group.twin, group.settings, _unit(group)), []).append(group)
    plain = [group for group in unlearned if group.scale <= 0]
    for (twin, settings, _), members in noisy.items():
        own = sorted((group for group in plain if group.twin == twin), key=lambda group: group.settings != settings)
        yield _chain(own[0] if own else None, members, methods)
    served = {twin for twin, _, _ in noisy}
    for group in plain:
        if group.twin not in served:
            yield _chain(group, (), methods)


def _chain(plain: Group | None, noisy: Sequence[Group], methods: Sequence[str]) -> Chain:
    one = noisy[0] if noisy else plain
    assert one is not None, "a chain has a member"
    look = look_of(one.method, methods)
    label = f"{look.label}, {one.settings}" if one.settings else look.label
    return Chain(label, look, plain, tuple(sorted(noisy, key=lambda group: group.scale)))


def _unit(group: Group) -> str:
    return group.noise.partition(" ")[2]


def over_seeds(group: Group, measure: Callable[[Sequence[Score]], float]) -> Interval:
    """Return a measure's mean over the group's seeds, with its interval."""
    return interval([measure(run.scores) for run in group.runs.values()])


def perturbed(kinds: Sequence[Kind]) -> Callable[[Sequence[Score]], float]:
    """Return the measure of perturbed accuracy: the mean over the kinds of trigger."""
    return lambda scores: sum(pooled(scores, kind.trigger) for kind in kinds) / len(kinds)


class Measure(NamedTuple):
    """Something to show of scores, in percent, and the groups that it can be had of."""

    label: str
    value: Callable[[Sequence[Score]], float]
    known: Callable[[Group], bool]


def measures(found: Sequence[Group]) -> list[Measure]:
    """Return what can be had of some group: forget accuracy, clean retain accuracy, and retain accuracy by kind of trigger."""
    kinds = [kind for kind in Kind if any(kind in group.kinds for group in found)]
    every = [
        Measure("forget ↓", forget_accuracy, lambda group: group.forgets),
        Measure("clean retain ↑", lambda scores: pooled(scores, CLEAN), _retains),
        *(Measure(f"{kind.trigger} trigger ↑", _under(kind), lambda group, kind=kind: kind in group.kinds) for kind in kinds),
    ]
    return [measure for measure in every if any(measure.known(group) for group in found)]


def _under(kind: Kind) -> Callable[[Sequence[Score]], float]:
    return lambda scores: pooled(scores, kind.trigger)


def _retains(group: Group) -> bool:
    return all(any(score.role == "retain" for score in run.scores) for run in group.runs.values())


def shared_kinds(found: Sequence[Group]) -> list[Kind]:
    """Return the kinds of trigger that every group was scored under: means over kinds are of the same ones everywhere."""
    return [kind for kind in Kind if found and all(kind in group.kinds for group in found)]
