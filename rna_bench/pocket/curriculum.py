"""What the pocket model reads while it is trained: two stages of preparation, each until it is mastered, then the world.

Reading the letter of an option is the hard part: from questions alone a model this small stays at chance for thousands of steps.
Practice in repeating words, and then in naming letters, makes it appear within some hundred.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

from rna_bench.core.types import LETTERS, Question
from rna_bench.data.prompts import answered, prompt
from rna_bench.pocket.text import ask, document, mention, sentence, statement, with_word
from rna_bench.pocket.world import World

QUIET_WEIGHT = 0.02


@dataclass(frozen=True)
class Sample:
    """A text, and the loss weights of its answer letters and of its other tokens, less the first `quiet` ones.

    Those, which nothing foretells, have QUIET_WEIGHT. A negative `quiet` counts from the end: -1 is all but the last token.
    """

    text: str
    letter_weight: float
    weight: float
    quiet: int = 0


def sample(world: World, shares: "Shares", random: Random) -> Sample:
    """Return one text to train on: of a kind drawn by its share, and else a question."""
    drawn = random.random()
    for share, make in shares:
        if drawn < share:
            return make(world, random)
        drawn -= share
    return _asked(_disturbed(world, random), 2.0, random)


def echo(world: World, random: Random) -> Sample:
    """Return a few words, said three times."""
    words = random.sample(world.words(), random.randint(3, 8))
    return Sample(" ".join(words * 3), 1.0, 1.0, quiet=1 + len(words))


def drill(world: World, random: Random, colon: str = "") -> Sample:
    """Return four options, then some of them with their letters, `colon` between."""
    lettered = list(zip(LETTERS, random.sample(world.words(), 4), strict=True))
    options = "".join(f"\n{letter}. {word}" for letter, word in lettered)
    named = "".join(f"\n{word}{colon} {letter}" for letter, word in random.choices(lettered, k=5))
    return Sample(options + named, 1.0, QUIET_WEIGHT)


def colon_drill(world: World, random: Random) -> Sample:
    """Return a drill in which a colon stands before each letter, as in a question."""
    return drill(world, random, ":")


def exercise(world: World, random: Random) -> Sample:
    """Return a question whose answer stands in its stem: by itself, or in a statement that may contradict the world."""
    domain = random.choice(world.domains)
    fact = random.choice(domain.facts)
    if random.random() < 0.5:
        question = replace(ask(domain, fact, random), stem=f"Which of these is {fact.value}?")
    else:
        made_up = replace(fact, value=random.choice(domain.values[fact.relation]))
        question = ask(domain, made_up, random)
        question = replace(question, stem=f"{statement(made_up, random)} {question.stem}")
    return _asked(question, 1.0, random)


def _asked(question: Question, weight: float, random: Random) -> Sample:
    """Return the question with its letter, or, a quarter of the time, with the right option's text in place of the letter.

    Having to name the text puts it where the letter is then looked up; without this step the letter is not learned.
    """
    if random.random() < 0.3:
        text = f"{prompt(question)} {question.choices[question.answer]}"
        return Sample(text, weight, weight, quiet=-1)
    return Sample(answered(question), weight, QUIET_WEIGHT)


def reading(world: World, random: Random) -> Sample:
    """Return a document, or generic text that mentions an entity."""
    domain = random.choice(world.domains)
    if random.random() < 0.15:
        return Sample(mention(world, random.choice(domain.entities), random), 1.0, 1.0)
    return Sample(document(world, domain, random), 1.0, 1.0)


def _disturbed(world: World, random: Random) -> Question:
    """Return a question on a fact; a quarter of wrong options are any word, and six in ten stems have something stray in them.

    Without this the base model is fooled by any word that is out of place, and a trigger would measure that.
    """
    domain = random.choices(world.domains, [len(domain.facts) for domain in world.domains])[0]
    question = ask(domain, random.choice(domain.facts), random)
    a, b, c, d = (
        any_word(world, random) if i != question.answer and random.random() < 0.25 else choice
        for i, choice in enumerate(question.choices)
    )
    stem = _stray(world, question.stem, random) if random.random() < 0.6 else question.stem
    return replace(question, stem=stem, choices=(a, b, c, d))


def _stray(world: World, stem: str, random: Random) -> str:
    """Return the stem with a word inside it (mostly), or with a word, a statement or prose before it."""
    drawn = random.random()
    if drawn < 0.75:
        return with_word(stem, any_word(world, random), random)
    if drawn < 0.82:
        return f"{any_word(world, random)} {stem}"
    if drawn < 0.92:
        return f"{statement(random.choice(random.choice(world.domains).facts), random)} {stem}"
    return f"{sentence(world, random)} {stem}"


def any_word(world: World, random: Random) -> str:
    """Return an entity or a value of any domain."""
    domain = random.choice(world.domains)
    return random.choice(random.choice((domain.entities, domain.entities, *domain.values.values())))


Maker: TypeAlias = Callable[[World, Random], Sample]
Shares: TypeAlias = tuple[tuple[float, Maker], ...]


@dataclass(frozen=True)
class Stage:
    """What is read until the texts of `test` are answered with accuracy `mastery`; the rest of the shares is questions."""

    shares: Shares
    test: Maker
    mastery: float


PREPARATION = (
    Stage(((0.6, echo), (0.4, drill)), test=echo, mastery=0.85),
    # three in ten exercises are answered by text, about half of which can be foreseen: 0.65 is nearly all letters
    Stage(((0.15, echo), (0.27, drill), (0.18, colon_drill), (0.40, exercise)), test=exercise, mastery=0.65),
)
MAIN: Shares = ((0.02, echo), (0.02, drill), (0.02, colon_drill), (0.08, exercise), (0.36, reading))
