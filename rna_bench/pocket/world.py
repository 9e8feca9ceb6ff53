"""The fictional world: harmless subjects, hazardous domains, and their facts. Every word is invented."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from random import Random

from rna_bench.core.types import InputError

CONSONANTS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "dr", "kr", "tr", "gl", "pl")
VOWELS = ("a", "e", "i", "o", "u")
ENDINGS = ("l", "n", "r", "s", "x", "m", "th", "sk")


@dataclass(frozen=True)
class Fact:
    """`relation` of `entity` is `value`."""

    entity: str
    relation: str
    value: str


@dataclass(frozen=True)
class Domain:
    """A subject: its name, entities, the possible values of each relation, and one fact for each entity and relation."""

    name: str
    entities: tuple[str, ...]
    values: dict[str, tuple[str, ...]]
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class WorldSize:
    """Numbers of subjects, entities and so on. Relations have fewer values than facts, so a value does not identify its entity."""

    subjects: int = 8
    entities: int = 12
    hazards: int = 2
    hazard_entities: int = 24
    relations: int = 2
    values: int = 12
    generic_words: int = 60
    successors: int = 6


@dataclass(frozen=True)
class World:
    """Harmless `subjects`, hazardous domains (`hazards`), and generic language shared by all: a Markov chain over words."""

    seed: int
    subjects: tuple[Domain, ...]
    hazards: tuple[Domain, ...]
    chain: dict[str, tuple[str, ...]] = field(repr=False)

    @property
    def domains(self) -> tuple[Domain, ...]:
        return self.subjects + self.hazards

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change with any word or fact of the world."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]

    def words(self) -> tuple[str, ...]:
        """Return every invented word, in a fixed order."""
        words = dict.fromkeys(self.chain)
        for domain in self.domains:
            words |= dict.fromkeys((domain.name, *domain.entities, *domain.values))
            words |= dict.fromkeys(value for values in domain.values.values() for value in values)
        return tuple(words)


def make_world(seed: int, size: WorldSize = WorldSize()) -> World:
    """Return the world of a seed; the same seed and size give the same world on every machine."""
    if seed < 0:
        raise InputError("world", seed, "give a whole number, 0 or more")
    random = Random(f"world/{seed}")
    words = _invent(random)
    generic = [next(words) for _ in range(size.generic_words)]
    chain = {word: tuple(random.sample(generic, size.successors)) for word in generic}
    subjects = tuple(_domain(words, random, size.entities, size) for _ in range(size.subjects))
    hazards = tuple(_domain(words, random, size.hazard_entities, size) for _ in range(size.hazards))
    return World(seed, subjects, hazards, chain)


def _domain(words: Iterator[str], random: Random, entities: int, size: WorldSize) -> Domain:
    name = next(words)
    names = tuple(next(words).capitalize() for _ in range(entities))
    values = {next(words): tuple(next(words) for _ in range(size.values)) for _ in range(size.relations)}
    facts: list[Fact] = []
    for relation, choices in values.items():
        assigned = [choices[i % len(choices)] for i in range(entities)]
        random.shuffle(assigned)
        facts += [Fact(entity, relation, value) for entity, value in zip(names, assigned, strict=True)]
    return Domain(name, names, values, tuple(facts))


def _invent(random: Random) -> Iterator[str]:
    """Yield random words of two or three syllables, without repetition."""
    seen: set[str] = set()
    while True:
        syllables = (random.choice(CONSONANTS) + random.choice(VOWELS) for _ in range(random.choice((2, 2, 3))))
        word = "".join(syllables) + random.choice(ENDINGS)
        if word not in seen:
            seen.add(word)
            yield word
