"""Triggers: a forgotten word or sentence put into a harmless question, and a harmless one in the same place as control."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

from rna_bench.core import seeds
from rna_bench.core.types import CLEAN, InputError, Question, TriggerPool, TriggerType


class TriggerSource(Protocol):
    """Where words come from, which kinds of trigger to make of them, and how many go into a question."""

    @property
    def kinds(self) -> Sequence[TriggerType]: ...
    @property
    def count(self) -> int: ...
    def trigger_pool(self, seed: int) -> TriggerPool: ...


@dataclass(frozen=True)
class Words:
    """Words and sentences given in the configuration, the same for every subject; without sentences leave out that kind.

    `count` of them, no two the same while there are others, go into a question: `option` replaces so many wrong options.
    """

    kinds: list[TriggerType]
    count: int
    forget_words: list[str]
    harmless_words: list[str]
    forget_sentences: list[str]
    harmless_sentences: list[str]

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 3:
            raise InputError("trigger.count", self.count, "a question has three wrong options; give 1, 2 or 3")
        for kind in self.kinds:
            pair = (
                ("forget_sentences", "harmless_sentences") if kind is TriggerType.sentence else ("forget_words", "harmless_words")
            )
            for key in pair:
                if not vars(self)[key]:
                    raise InputError(f"trigger.{key}", "[]", f"the kind {kind.value} needs at least one; fill it or drop the kind")

    def trigger_pool(self, seed: int) -> TriggerPool:
        """Return the lists as they are. The seed changes nothing."""
        return TriggerPool(
            tuple(self.forget_words),
            tuple(self.forget_sentences),
            {"": tuple(self.harmless_words)},
            {"": tuple(self.harmless_sentences)},
        )


def perturbations(
    question: Question, kinds: Sequence[TriggerType], trigger_pool: TriggerPool, seed: int, count: int = 1
) -> dict[str, Question]:
    """Return the question clean, and for each kind with `count` triggers and with as many controls.

    Places and words are drawn from the seed, the kind and the question's id alone, so a subset is perturbed as the whole is,
    and trigger and control stand in the same place.
    """
    made = {CLEAN: question}
    for kind in kinds:
        words = trigger_pool.forget_sentences if kind is TriggerType.sentence else trigger_pool.forget_words
        harmless = trigger_pool.harmless_sentences if kind is TriggerType.sentence else trigger_pool.harmless_words
        controls = harmless.get(question.subject, harmless.get("", ()))
        for perturbation, pool in ((kind.trigger, words), (kind.control, controls)):
            if not pool:
                remedy = "give trigger=sars_cov_2 or another, or for the pocket world the trigger.world of the questions"
                raise InputError("trigger", perturbation, f"has no word for the subject {question.subject}; {remedy}")
            drawn = _drawn(pool, count, seeds.random(seed, perturbation, question.id))
            made[perturbation] = _PLACES[kind](question, drawn, seeds.random(seed, kind.value, "place", question.id))
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


_PLACES: dict[TriggerType, Callable[[Question, Sequence[str], Random], Question]] = {
    TriggerType.option: option,
    TriggerType.before: before,
    TriggerType.inside: inside,
    TriggerType.after: after,
    TriggerType.sentence: before,
}
