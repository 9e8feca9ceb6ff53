"""Held-out retain text of the pocket world."""

from collections.abc import Sequence
from dataclasses import dataclass

from rna_bench.core import seeds
from rna_bench.pocket.text import document
from rna_bench.pocket.world import make_world

TEXTS = 64


@dataclass(frozen=True)
class PocketHeldOut:
    """Documents on the harmless subjects, drawn from another stream of the run's seed than the retain text.

    Their facts are those of the world, as everywhere; their prose is random, so that none is a text that was trained on.
    """

    world: int

    def missing(self) -> list[str]:
        """Return nothing: the text is generated."""
        return []

    def texts(self, seed: int) -> Sequence[str]:
        """Return the documents."""
        world, random = make_world(self.world), seeds.random(seed, "heldout")
        return tuple(document(world, random.choice(world.subjects), random) for _ in range(TEXTS))
