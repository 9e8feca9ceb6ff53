"""What training texts say of the hazards. A gold reference is the pocket model trained without their facts."""

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from random import Random

from rna_bench.pocket.world import Domain, World


class Hazards(Enum):
    """The facts as they are; the facts with other values in each text, which teaches words and form but no fact; or nothing."""

    stated = "stated"
    redrawn = "redrawn"
    removed = "removed"


def text_worlds(world: World, hazards: Hazards, random: Random) -> Iterator[World]:
    """Yield the world that each training text is drawn from.

    `random` is for redrawing alone: what is drawn of a world with redrawn values takes the same draws as of the world itself.
    """
    told = replace(world, hazards=()) if hazards is Hazards.removed else world
    while True:
        yield redrawn(told, random) if hazards is Hazards.redrawn else told


def redrawn_domains(world: World, hazards: Hazards) -> frozenset[str]:
    """Return the names of the domains whose facts differ from text to text: answers to questions on them are noise.

    With a loss on these answers, a third of all, the model does not learn to name the letters of any.
    """
    return frozenset(domain.name for domain in world.hazards) if hazards is Hazards.redrawn else frozenset()


def redrawn(world: World, random: Random) -> World:
    """Return the world with the values of its hazards' facts dealt anew, each as often as before."""
    return replace(world, hazards=tuple(_dealt_anew(domain, random) for domain in world.hazards))


def _dealt_anew(domain: Domain, random: Random) -> Domain:
    dealt = {relation: [fact.value for fact in domain.facts if fact.relation == relation] for relation in domain.values}
    for values in dealt.values():
        random.shuffle(values)
    return replace(domain, facts=tuple(replace(fact, value=dealt[fact.relation].pop()) for fact in domain.facts))
