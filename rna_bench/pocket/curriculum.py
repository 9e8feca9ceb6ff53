"""The training texts of the pocket model: two warm-up stages, each up to a target accuracy, then texts about the world.

Naming the letter of an option is hard to learn: from questions alone a model this small stays at chance for thousands of steps.
After practice in repeating words, and then in naming letters, it learns this within a few hundred.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

from rna_bench.core.types import LETTERS, Question
from rna_bench.data.prompts import prompt, solved_prompt
from rna_bench.pocket.text import ask, document, mention, sentence, statement, with_word
from rna_bench.pocket.world import World

QUIET_WEIGHT, QUESTION_WEIGHT = 0.02, 2.0


@dataclass(frozen=True)
class Sample:
    """A training text with the loss weights of its answer letters and of its other tokens.

    The first `quiet` tokens cannot be predicted and have QUIET_WEIGHT. A negative `quiet` counts from the end: -1 means all but
    the last token.
    """

    text: str
    letter_weight: float
    weight: float
    quiet: int = 0


def sample(world: World, mixture: "Mixture", random: Random, redrawn: Collection[str] = ()) -> Sample:
    """Return a random training text: from one of the mixture's makers, by their shares, or else a question.

    Questions on the domains named in `redrawn`, whose facts differ from text to text, have no loss on their answers.
    """
    drawn = random.random()
    for share, make in mixture:
        if drawn < share:
            return make(world, random)
        drawn -= share
    question = _perturbed(world, random)
    return _solved(question, 0.0 if question.subject in redrawn else QUESTION_WEIGHT, random)


def echo(world: World, random: Random) -> Sample:
    """Return a copying exercise: a few random words, repeated three times."""
    words = random.sample(world.words(), random.randint(3, 8))
    return Sample(" ".join(words * 3), 1.0, 1.0, quiet=1 + len(words))


def drill(world: World, random: Random, colon: str = "") -> Sample:
    """Return an exercise in naming letters: four options, then some of them with their letters, `colon` in between."""
    lettered = list(zip(LETTERS, random.sample(world.words(), 4), strict=True))
    options = "".join(f"\n{letter}. {word}" for letter, word in lettered)
    named = "".join(f"\n{word}{colon} {letter}" for letter, word in random.choices(lettered, k=5))
    return Sample(options + named, 1.0, QUIET_WEIGHT)


def colon_drill(world: World, random: Random) -> Sample:
    """Return a drill with a colon before each letter, as in a question."""
    return drill(world, random, ":")


def exercise(world: World, random: Random) -> Sample:
    """Return a question whose stem contains the answer: by itself, or in a statement that may contradict the world."""
    domain = random.choice(world.domains)
    fact = random.choice(domain.facts)
    if random.random() < 0.5:
        question = replace(ask(domain, fact, random), stem=f"Which of these is {fact.value}?")
    else:
        made_up = replace(fact, value=random.choice(domain.values[fact.relation]))
        question = ask(domain, made_up, random)
        question = replace(question, stem=f"{statement(made_up, random)} {question.stem}")
    return _solved(question, 1.0, random)


def _solved(question: Question, weight: float, random: Random) -> Sample:
    """Return the question with its letter or, three times in ten, with the text of the correct option in place of the letter.

    Predicting the text comes before mapping it to a letter; without this step the letter is not learned.
    """
    if random.random() < 0.3:
        text = f"{prompt(question)} {question.choices[question.answer]}"
        return Sample(text, weight, weight, quiet=-1)
    return Sample(solved_prompt(question), weight, QUIET_WEIGHT)


def reading(world: World, random: Random) -> Sample:
    """Return a document about an entity or, more rarely, generic text that mentions one."""
    domain = random.choice(world.domains)
    if random.random() < 0.15:
        return Sample(mention(world, random.choice(domain.entities), random), 1.0, 1.0)
    return Sample(document(world, domain, random), 1.0, 1.0)


def _perturbed(world: World, random: Random) -> Question:
    """Return a question about a fact, with a quarter of the wrong options random words, and foreign text in six of ten stems.

    Without this, any unrelated word would mislead the base model, and triggers would measure that effect.
    """
    domain = random.choices(world.domains, [len(domain.facts) for domain in world.domains])[0]
    question = ask(domain, random.choice(domain.facts), random)
    a, b, c, d = (
        any_word(world, random) if i != question.answer and random.random() < 0.25 else choice
        for i, choice in enumerate(question.choices)
    )
    stem = _with_foreign_text(world, question.stem, random) if random.random() < 0.6 else question.stem
    return replace(question, stem=stem, choices=(a, b, c, d))


def _with_foreign_text(world: World, stem: str, random: Random) -> str:
    """Return the stem with a random word inside it (mostly), or with a word, a statement or prose before it."""
    drawn = random.random()
    if drawn < 0.75:
        return with_word(stem, any_word(world, random), random)
    if drawn < 0.82:
        return f"{any_word(world, random)} {stem}"
    if drawn < 0.92:
        return f"{statement(random.choice(random.choice(world.domains).facts), random)} {stem}"
    return f"{sentence(world, random)} {stem}"


def any_word(world: World, random: Random) -> str:
    """Return a random entity or value of any domain."""
    domain = random.choice(world.domains)
    return random.choice(random.choice((domain.entities, domain.entities, *domain.values.values())))


TextMaker: TypeAlias = Callable[[World, Random], Sample]
"""Draws a text about the world."""
Mixture: TypeAlias = tuple[tuple[float, TextMaker], ...]
"""Shares of texts by maker; the remaining share is questions."""


@dataclass(frozen=True)
class Stage:
    """A warm-up stage: training on `mixture` until the accuracy on texts of `test` reaches `accuracy`."""

    mixture: Mixture
    test: TextMaker
    accuracy: float


WARM_UP_STAGES = (
    Stage(((0.6, echo), (0.4, drill)), test=echo, accuracy=0.85),
    # three in ten exercises end in an option's text, about half of which is predictable: 0.65 means nearly all letters
    Stage(((0.15, echo), (0.27, drill), (0.18, colon_drill), (0.40, exercise)), test=exercise, accuracy=0.65),
)
WORLD_TEXTS: Mixture = ((0.02, echo), (0.02, drill), (0.02, colon_drill), (0.08, exercise), (0.36, reading))
