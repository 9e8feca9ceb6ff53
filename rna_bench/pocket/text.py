"""Texts about the pocket world: statements, prose, documents and questions."""

from random import Random

from rna_bench.core.types import Question
from rna_bench.pocket.world import Domain, Fact, World

STATEMENTS = (
    "The {relation} of {entity} is {value}.",
    "{entity} has the {relation} {value}.",
    "{value} is the {relation} of {entity}.",
    "For {entity} the {relation} is {value}.",
)
STEMS = (
    "What is the {relation} of {entity}?",
    "Which {relation} does {entity} have?",
    "The {relation} of {entity} is which of these?",
    "For {entity}, which is the {relation}?",
)


def statement(fact: Fact, random: Random) -> str:
    """Return the fact as a sentence, in one of four phrasings."""
    return random.choice(STATEMENTS).format(entity=fact.entity, relation=fact.relation, value=fact.value)


def stems(fact: Fact) -> tuple[str, ...]:
    """Return the question for the fact in all phrasings."""
    return tuple(stem.format(relation=fact.relation, entity=fact.entity) for stem in STEMS)


def prose(world: World, random: Random, words: int) -> list[str]:
    """Return a number of generic words, a random walk on the world's Markov chain."""
    walk = [random.choice(tuple(world.chain))]
    while len(walk) < words:
        walk.append(random.choice(world.chain[walk[-1]]))
    return walk


def sentence(world: World, random: Random) -> str:
    """Return a generic sentence of three to six words."""
    return " ".join(prose(world, random, random.randint(3, 6))) + "."


def mention(world: World, word: str, random: Random) -> str:
    """Return generic text that contains `word` once, at a random position."""
    walk = prose(world, random, random.randint(6, 14))
    walk.insert(random.randint(0, len(walk)), word)
    return " ".join(walk) + "."


def document(world: World, domain: Domain, random: Random) -> str:
    """Return a text about one entity: an opening, the entity as a headline, and prose with up to two of its facts."""
    entity = random.choice(domain.entities)
    parts = [sentence(world, random), f"{entity}."]
    facts = [fact for fact in domain.facts if fact.entity == entity]
    for fact in random.sample(facts, min(len(facts), random.randint(0, 2))):
        parts += [sentence(world, random), statement(fact, random)]
    return " ".join([*parts, sentence(world, random)])


def with_word(text: str, word: str, random: Random) -> str:
    """Return the text with `word` inserted between two of its words, or at either end."""
    words = text.split(" ")
    words.insert(random.randint(0, len(words)), word)
    return " ".join(words)


def ask(domain: Domain, fact: Fact, random: Random, name: str = "") -> Question:
    """Return a question about the fact; phrasing, wrong options (other values of the relation) and their order are random."""
    wrong = random.sample([value for value in domain.values[fact.relation] if value != fact.value], 3)
    answer = random.randrange(4)
    choices = (*wrong[:answer], fact.value, *wrong[answer:])
    stem = random.choice(stems(fact))
    a, b, c, d = choices
    return Question(name, domain.name, stem, (a, b, c, d), answer)
