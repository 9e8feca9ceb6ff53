"""The data of a run from the pocket world: its texts, its questions, and its trigger words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from rna_bench.core import seeds
from rna_bench.core.perturbed import TriggerPool
from rna_bench.core.types import InputError, Question, Text, Topic, TriggerType
from rna_bench.data.facts import FactTexts, solved
from rna_bench.pocket.text import ask, document, mention, statement, stems, with_word
from rna_bench.pocket.world import Domain, Fact, World, make_world


@dataclass(frozen=True)
class PocketCorpus:
    """Forget and retain texts of the same composition, `texts` of each per topic.

    `stray_share` of the texts mention one entity of the topic and nothing else of it: `prose_share` of these are generic prose, the
    others documents on a harmless subject (on the retain side, on another one). Of the remaining texts `question_share` are
    questions with their answers, the others documents on the topic.
    """

    world: int
    texts: int
    stray_share: float
    prose_share: float
    question_share: float

    def __post_init__(self) -> None:
        if self.texts < 1:
            raise InputError("corpus.texts", self.texts, "give 1 or more")
        shares = {"stray_share": self.stray_share, "prose_share": self.prose_share, "question_share": self.question_share}
        for key, share in shares.items():
            if not 0 <= share <= 1:
                raise InputError(f"corpus.{key}", share, "is a share; give 0 to 1")

    def missing(self) -> list[str]:
        """Return nothing: the text is generated."""
        return []

    def commits(self) -> Mapping[str, str]:
        """Return no commits: the text is generated."""
        return {}

    def topics(self, seed: int) -> tuple[Topic, ...]:
        """Return a topic for each hazard, with texts drawn from the run's seed."""
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
        if random.random() < self.stray_share:
            return Text("", self._stray(world, domain, random))
        if random.random() < self.question_share:
            return solved(ask(domain, random.choice(domain.facts), random))
        return Text("", document(world, domain, random))

    def _stray(self, world: World, domain: Domain, random: Random) -> str:
        """Return a text in which an entity of the domain stands alone."""
        entity = random.choice(domain.entities)
        if random.random() < self.prose_share:
            return mention(world, entity, random)
        others = [subject for subject in world.subjects if subject is not domain]
        return with_word(document(world, random.choice(others), random), entity, random)


@dataclass(frozen=True)
class PocketQuestions:
    """A question about each fact of one hazard (`hazard` 1, 2, ...) or of all harmless subjects (0); `limit` keeps the first."""

    role: str
    world: int
    hazard: int
    limit: int

    @property
    def categories(self) -> Mapping[str, str]:
        """Return no categories."""
        return {}

    def examples(self, seed: int) -> Mapping[str, tuple[Question, ...]]:
        """Return no examples: questions are asked zero-shot."""
        return {}

    def missing(self) -> list[str]:
        """Return nothing: the questions are generated."""
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
        questions = (_question(domain, index, seed) for domain, index in facts)
        return tuple(questions)[: self.limit or None]

    def other_stems(self, questions: Sequence[Question]) -> Mapping[str, tuple[str, ...]]:
        """Return the stems of questions in the world's other wordings."""
        world = make_world(self.world)
        return {one.id: tuple(stem for stem in stems(_asked(world, one)[1]) if stem != one.stem) for one in questions}

    def fact_texts(self, questions: Sequence[Question], count: int, random: Random) -> FactTexts:
        """Return `count` questions about the facts of some questions, in new words and options, and as many documents on them."""
        world = make_world(self.world)
        known = {domain.name: domain for domain in world.domains}
        facts = [_asked(world, one) for one in questions]
        by_domain = {name: [fact for domain, fact in facts if domain.name == name] for name in known}
        stated = [_only(known[name], own) for name, own in by_domain.items() if own]
        asked = [(domain, fact, solved(ask(domain, fact, random))) for domain, fact in (random.choice(facts) for _ in range(count))]
        return FactTexts(
            tuple(text for _, _, text in asked),
            tuple(Text("", document(world, random.choice(stated), random)) for _ in range(count)),
            tuple(f"{domain.name}/{fact.entity}/{fact.relation}" for domain, fact, _ in asked),
        )


def _asked(world: World, question: Question) -> tuple[Domain, Fact]:
    """Return what a question asks for, and the domain that it belongs to."""
    name, index = question.id.split("/")
    domain = next(domain for domain in world.domains if domain.name == name)
    return domain, domain.facts[int(index)]


def _only(domain: Domain, facts: Sequence[Fact]) -> Domain:
    """Return the domain as if it had these facts alone; its values stay."""
    return replace(domain, entities=tuple(dict.fromkeys(fact.entity for fact in facts)), facts=tuple(facts))


def _question(domain: Domain, index: int, seed: int) -> Question:
    name = f"{domain.name}/{index}"
    return ask(domain, domain.facts[index], seeds.random(seed, "question", name), name)


@dataclass(frozen=True)
class PocketWords:
    """Triggers of the pocket world: entities of hazards, and statements about them; controls come from other harmless subjects."""

    types: list[TriggerType]
    count: int
    world: int

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 3:
            raise InputError("trigger.count", self.count, "a question has three wrong options; give 1, 2 or 3")

    def pool(self, seed: int) -> TriggerPool:
        """Return the pool. Sentences are true statements; their phrasing is drawn from the run's seed."""
        world = make_world(self.world)
        random = seeds.random(seed, "lexicon")  # the pool's earlier name: another one would change every recorded run
        statements = {domain.name: tuple(statement(fact, random) for fact in domain.facts) for domain in world.domains}
        hazards, subjects = world.hazards, world.subjects
        return TriggerPool(
            tuple(entity for hazard in hazards for entity in hazard.entities),
            tuple(text for hazard in hazards for text in statements[hazard.name]),
            {s.name: tuple(e for other in subjects if other is not s for e in other.entities) for s in subjects},
            {s.name: tuple(text for other in subjects if other is not s for text in statements[other.name]) for s in subjects},
        )
