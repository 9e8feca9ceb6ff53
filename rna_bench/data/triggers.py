"""Triggers: a forgotten word or sentence put into a harmless question, and a harmless one in the same place as control."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

from rna_bench.core import seeds
from rna_bench.core.types import CLEAN, InputError, Kind, Lexicon, Question


class LexiconSource(Protocol):
    """Where words come from, which kinds of trigger to make of them, and how many go into a question."""

    @property
    def kinds(self) -> Sequence[Kind]: ...
    @property
    def count(self) -> int: ...
    def lexicon(self, seed: int) -> Lexicon: ...


@dataclass(frozen=True)
class Words:
    """Words and sentences given in the configuration, the same for every subject; without sentences leave out that kind.

    `count` of them, no two the same while there are others, go into a question: `option` replaces so many wrong options.
    """

    kinds: list[Kind]
    count: int
    forget_words: list[str]
    harmless_words: list[str]
    forget_sentences: list[str]
    harmless_sentences: list[str]

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 3:
            raise InputError("trigger.count", self.count, "a question has three wrong options; give 1, 2 or 3")
        for kind in self.kinds:
            pair = ("forget_sentences", "harmless_sentences") if kind is Kind.sentence else ("forget_words", "harmless_words")
            for key in pair:
                if not vars(self)[key]:
                    raise InputError(f"trigger.{key}", "[]", f"the kind {kind.value} needs at least one; fill it or drop the kind")

    def lexicon(self, seed: int) -> Lexicon:
        """Return the lists as they are. The seed changes nothing."""
        return Lexicon(
            tuple(self.forget_words),
            tuple(self.forget_sentences),
            {"": tuple(self.harmless_words)},
            {"": tuple(self.harmless_sentences)},
        )


def forms(question: Question, kinds: Sequence[Kind], lexicon: Lexicon, seed: int, count: int = 1) -> dict[str, Question]:
    """Return the question clean, and for each kind with `count` triggers and with as many controls.

    Places and words are drawn from the seed, the kind and the question's id alone, so a subset is perturbed as the whole is,
    and trigger and control stand in the same place.
    """
    made = {CLEAN: question}
    for kind in kinds:
        words = lexicon.forget_sentences if kind is Kind.sentence else lexicon.forget_words
        harmless = lexicon.harmless_sentences if kind is Kind.sentence else lexicon.harmless_words
        controls = harmless.get(question.subject, harmless.get("", ()))
        for form, pool in ((kind.trigger, words), (kind.control, controls)):
            if not pool:
                remedy = "give trigger=sars_cov_2 or another, or for the pocket world the trigger.world of the questions"
                raise InputError("trigger", form, f"has no word for the subject {question.subject}; {remedy}")
            drawn = _drawn(pool, count, seeds.random(seed, form, question.id))
            made[form] = _PLACES[kind](question, drawn, seeds.random(seed, kind.value, "place", question.id))
    return made


def _drawn(pool: Sequence[str], count: int, random: Random) -> list[str]:
    """Return `count` words, none twice before all others have come."""
    drawn: list[str] = []
    while len(drawn) < count:
        drawn.append(random.choice([word for word in pool if word not in drawn] or pool))
    return drawn


def option(question: Question, words: Sequence[str], random: Random) -> Question:
    """Return the question with wrong options, drawn at random, replaced by the words (arXiv 2501.19202: one)."""
    choices = list(question.choices)
    wrong = [i for i in range(4) if i != question.answer]
    for word in words:
        choices[wrong.pop(wrong.index(random.choice(wrong)))] = word
    a, b, c, d = choices
    return replace(question, choices=(a, b, c, d))


def before(question: Question, words: Sequence[str], random: Random) -> Question:
    """Return the question with the words, or sentences, before its stem."""
    return replace(question, stem=f"{' '.join(words)} {question.stem.lstrip()}")


def inside(question: Question, words: Sequence[str], random: Random) -> Question:
    """Return the question with each of the words between two words of its stem, drawn at random."""
    stem = question.stem.split()
    for word in words:
        stem.insert(random.randint(1, max(1, len(stem) - 1)), word)
    return replace(question, stem=" ".join(stem))


def after(question: Question, words: Sequence[str], random: Random) -> Question:
    """Return the question with the words after its stem."""
    return replace(question, stem=f"{question.stem.rstrip()} {' '.join(words)}")


_PLACES: dict[Kind, Callable[[Question, Sequence[str], Random], Question]] = {
    Kind.option: option,
    Kind.before: before,
    Kind.inside: inside,
    Kind.after: after,
    Kind.sentence: before,
}
