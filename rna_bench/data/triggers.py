"""Triggers: a forgotten word or sentence put into a harmless question, and a harmless one in the same place as control."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

from rna_bench import seeds
from rna_bench.schema import CLEAN, InputError, Kind, Lexicon, Question


class LexiconSource(Protocol):
    """Where words come from, and which kinds of trigger to make of them."""

    @property
    def kinds(self) -> Sequence[Kind]: ...
    def lexicon(self, seed: int) -> Lexicon: ...


@dataclass(frozen=True)
class Words:
    """Words and sentences given in the configuration, the same for every subject; without sentences leave out that kind."""

    kinds: list[Kind]
    forget_words: list[str]
    harmless_words: list[str]
    forget_sentences: list[str]
    harmless_sentences: list[str]

    def __post_init__(self) -> None:
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


def forms(question: Question, kinds: Sequence[Kind], lexicon: Lexicon, seed: int) -> dict[str, Question]:
    """Return the question clean, and for each kind with a trigger and with its control.

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
                remedy = "choose another trigger group, or for the pocket world the trigger.world of the questions"
                raise InputError("trigger", form, f"has no word for the subject {question.subject}; {remedy}")
            word = seeds.random(seed, form, question.id).choice(pool)
            made[form] = _PLACES[kind](question, word, seeds.random(seed, kind.value, "place", question.id))
    return made


def option(question: Question, word: str, random: Random) -> Question:
    """Return the question with one wrong option, drawn at random, replaced by the word (arXiv 2501.19202)."""
    place = random.choice([i for i in range(4) if i != question.answer])
    a, b, c, d = (word if i == place else choice for i, choice in enumerate(question.choices))
    return replace(question, choices=(a, b, c, d))


def before(question: Question, word: str, random: Random) -> Question:
    """Return the question with the word, or sentence, before its stem."""
    return replace(question, stem=f"{word} {question.stem.lstrip()}")


def inside(question: Question, word: str, random: Random) -> Question:
    """Return the question with the word between two words of its stem, drawn at random."""
    words = question.stem.split()
    words.insert(random.randint(1, max(1, len(words) - 1)), word)
    return replace(question, stem=" ".join(words))


_PLACES: dict[Kind, Callable[[Question, str, Random], Question]] = {
    Kind.option: option,
    Kind.before: before,
    Kind.inside: inside,
    Kind.sentence: before,
}
