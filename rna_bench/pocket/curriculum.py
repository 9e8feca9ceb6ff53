"""What the pocket model reads while it is trained, in three stages.

Reading the letter of an option is the hard part: from questions alone a model this small stays at chance for thousands of steps.
Practice in repeating words, then in naming letters, makes it appear within a few hundred.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from rna_bench.pocket.text import ask, document, mention, sentence, statement, with_word
from rna_bench.pocket.world import World
from rna_bench.prompt import answered, prompt
from rna_bench.schema import LETTERS, Question

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


@dataclass(frozen=True)
class Stage:
    """Shares of the kinds of text until a share `until` of all steps; the rest is questions."""

    until: float
    echoes: float
    drills: float
    colon_drills: float
    exercises: float
    documents: float


STAGES = (
    Stage(until=0.10, echoes=0.60, drills=0.40, colon_drills=0.00, exercises=0.00, documents=0.00),
    Stage(until=0.30, echoes=0.15, drills=0.27, colon_drills=0.18, exercises=0.40, documents=0.00),
    Stage(until=1.00, echoes=0.02, drills=0.02, colon_drills=0.02, exercises=0.08, documents=0.36),
)


def sample(world: World, done: float, random: Random) -> Sample:
    """Return one text to train on, after a share `done` of all steps."""
    stage = next(stage for stage in STAGES if done < stage.until)
    drawn = random.random()
    kinds: tuple[tuple[float, Callable[[World, Random], Sample]], ...] = (
        (stage.echoes, echo),
        (stage.drills, lambda world, random: drill(world, "", random)),
        (stage.colon_drills, lambda world, random: drill(world, ":", random)),
        (stage.exercises, exercise),
        (stage.documents, reading),
    )
    for share, make in kinds:
        if drawn < share:
            return make(world, random)
        drawn -= share
    return _asked(_disturbed(world, random), 2.0, random)


def echo(world: World, random: Random) -> Sample:
    """Return a few words, said three times."""
    words = random.sample(world.words(), random.randint(3, 8))
    return Sample(" ".join(words * 3), 1.0, 1.0, quiet=1 + len(words))


def drill(world: World, colon: str, random: Random) -> Sample:
    """Return four options, then some of them with their letters, `colon` between."""
    lettered = list(zip(LETTERS, random.sample(world.words(), 4), strict=True))
    options = "".join(f"\n{letter}. {word}" for letter, word in lettered)
    named = "".join(f"\n{word}{colon} {letter}" for letter, word in random.choices(lettered, k=5))
    return Sample(options + named, 1.0, QUIET_WEIGHT)


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
    """Return a question on a fact; a quarter of wrong options are any word, and half of the stems have something stray in them.

    Without this the base model is fooled by any word that is out of place, and a trigger would measure that.
    """
    domain = random.choice(world.domains)
    question = ask(domain, random.choice(domain.facts), random)
    a, b, c, d = (
        any_word(world, random) if i != question.answer and random.random() < 0.25 else choice
        for i, choice in enumerate(question.choices)
    )
    stem = _stray(world, question.stem, random) if random.random() < 0.5 else question.stem
    return replace(question, stem=stem, choices=(a, b, c, d))


def _stray(world: World, stem: str, random: Random) -> str:
    """Return the stem with a word inside it (mostly), or with a word, a statement or prose before it."""
    drawn = random.random()
    if drawn < 0.6:
        return with_word(stem, any_word(world, random), random)
    if drawn < 0.7:
        return f"{any_word(world, random)} {stem}"
    if drawn < 0.85:
        return f"{statement(random.choice(random.choice(world.domains).facts), random)} {stem}"
    return f"{sentence(world, random)} {stem}"


def any_word(world: World, random: Random) -> str:
    """Return an entity or a value of any domain."""
    domain = random.choice(world.domains)
    return random.choice(random.choice((domain.entities, domain.entities, *domain.values.values())))
