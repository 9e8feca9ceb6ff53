"""What a run asks of the world: its text, its questions, and the words that triggers are made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from rna_bench.core import seeds
from rna_bench.core.types import LETTERS, InputError, Question, Text, Topic, TriggerPool, TriggerType
from rna_bench.data.prompts import prompt
from rna_bench.pocket.text import ask, document, mention, statement
from rna_bench.pocket.world import Domain, World, make_world


@dataclass(frozen=True)
class PocketCorpus:
    """Forget and retain text of the same form, `texts` of each a topic.

    Shares: questions with their answers, documents, generic text that mentions one entity; the rest is documents of a
    harmless subject with one entity of the topic put in (on the retain side, one of another harmless subject).
    """

    world: int
    texts: int
    questions: float
    documents: float
    mentions: float

    def __post_init__(self) -> None:
        if self.texts < 1 or min(self.questions, self.documents, self.mentions) < 0:
            raise InputError("corpus", self, "texts is at least 1 and shares are not negative")
        if self.questions + self.documents + self.mentions > 1 + 1e-9:
            raise InputError("corpus", self, "questions + documents + mentions is above 1; lower one of them")

    def missing(self) -> list[str]:
        """Return nothing: the world is made."""
        return []

    def commits(self) -> Mapping[str, str]:
        """Return none: the text is made."""
        return {}

    def topics(self, seed: int) -> tuple[Topic, ...]:
        """Return one topic a hazard, with text drawn from the run's seed."""
        world = make_world(self.world)
        return tuple(
            Topic(
                f"hazard_{number}",
                self._draw(world, lambda _, hazard=hazard: hazard, seeds.random(seed, "forget", number)),
                self._draw(world, lambda random: random.choice(world.subjects), seeds.random(seed, "retain", number)),
            )
            for number, hazard in enumerate(world.hazards, 1)
        )

    def _draw(self, world: World, pick: Callable[[Random], Domain], random: Random) -> tuple[Text, ...]:
        return tuple(self._text(world, pick(random), random) for _ in range(self.texts))

    def _text(self, world: World, domain: Domain, random: Random) -> Text:
        drawn = random.random()
        if drawn < self.questions:
            asked = ask(domain, random.choice(domain.facts), random)
            return Text(prompt(asked), f" {LETTERS[asked.answer]}")
        if drawn < self.questions + self.documents:
            return Text("", document(world, domain, random))
        entity = random.choice(domain.entities)
        if drawn < self.questions + self.documents + self.mentions:
            return Text("", mention(world, entity, random))
        others = [subject for subject in world.subjects if subject is not domain]
        words = document(world, random.choice(others), random).split(" ")
        words.insert(random.randint(0, len(words)), entity)
        return Text("", " ".join(words))


@dataclass(frozen=True)
class PocketQuestions:
    """One question a fact, of one hazard (`hazard` 1, 2, ...) or of all harmless subjects (0); `limit` keeps the first ones."""

    role: str
    world: int
    hazard: int
    limit: int

    @property
    def categories(self) -> Mapping[str, str]:
        """There are none."""
        return {}

    def examples(self, seed: int) -> Mapping[str, tuple[Question, ...]]:
        """Return none: questions are asked zero-shot."""
        return {}

    def missing(self) -> list[str]:
        """Return nothing: the world is made."""
        return []

    def questions(self, seed: int) -> tuple[Question, ...]:
        """Return the questions; phrasing and options are drawn from the run's seed and the fact. They come shuffled."""
        world = make_world(self.world)
        if self.limit < 0:
            raise InputError("dataset.*.limit", self.limit, "give 0 for all questions, or more")
        if not 0 <= self.hazard <= len(world.hazards):
            raise InputError("dataset.*.hazard", self.hazard, f"the world has hazards 1 to {len(world.hazards)}; 0 is no hazard")
        domains = (world.hazards[self.hazard - 1],) if self.hazard else world.subjects
        facts = [(domain, index) for domain in domains for index in range(len(domain.facts))]
        seeds.random(seed, "order", self.hazard).shuffle(facts)
        made = (_question(domain, index, seed) for domain, index in facts)
        return tuple(made)[: self.limit or None]


def _question(domain: Domain, index: int, seed: int) -> Question:
    name = f"{domain.name}/{index}"
    return ask(domain, domain.facts[index], seeds.random(seed, "question", name), name)


@dataclass(frozen=True)
class PocketWords:
    """Triggers of the pocket world: entities of the hazards and statements about them; controls from other harmless subjects."""

    kinds: list[TriggerType]
    count: int
    world: int

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 3:
            raise InputError("trigger.count", self.count, "a question has three wrong options; give 1, 2 or 3")

    def trigger_pool(self, seed: int) -> TriggerPool:
        """Return the words. Sentences are true statements, their phrasing drawn from the run's seed."""
        world = make_world(self.world)
        random = seeds.random(seed, "lexicon")
        said = {domain.name: tuple(statement(fact, random) for fact in domain.facts) for domain in world.domains}
        hazards, subjects = world.hazards, world.subjects
        return TriggerPool(
            tuple(entity for hazard in hazards for entity in hazard.entities),
            tuple(text for hazard in hazards for text in said[hazard.name]),
            {s.name: tuple(e for other in subjects if other is not s for e in other.entities) for s in subjects},
            {s.name: tuple(text for other in subjects if other is not s for text in said[other.name]) for s in subjects},
        )
