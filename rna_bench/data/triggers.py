"""Triggers: a forget word or sentence inserted into a harmless question, and as control a harmless one in the same place.

Questions that come perturbed are one trigger type, `given`; their control has a harmless word wherever the forget word stands.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol

from rna_bench.core import seeds
from rna_bench.core.perturbed import GivenQuestion, TriggerPool
from rna_bench.core.types import CLEAN, InputError, Question, Task, TriggerType
from rna_bench.data.changes import with_harmless


class TriggerSource(Protocol):
    """A source of trigger words, the trigger types to apply, and the number of triggers per question."""

    @property
    def types(self) -> Sequence[TriggerType]: ...
    @property
    def count(self) -> int: ...
    def pool(self, seed: int) -> TriggerPool: ...


@dataclass(frozen=True)
class Words:
    """Words and sentences given in the configuration, the same for every subject.

    Each perturbed question gets `count` of them, all different if there are enough; `option` replaces as many wrong options.
    The type `sentence` needs sentences, all others need words.
    """

    types: list[TriggerType]
    count: int
    forget_words: list[str]
    harmless_words: list[str]
    forget_sentences: list[str]
    harmless_sentences: list[str]

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 3:
            raise InputError("trigger.count", self.count, "a question has three wrong options; give 1, 2 or 3")
        both = {*self.forget_words, *self.forget_sentences} & {*self.harmless_words, *self.harmless_sentences}
        if both:
            raise InputError("trigger.harmless_words", sorted(both)[0], "is among the forget words, too; a control needs another")
        for trigger_type in self.types:
            unit = "sentences" if trigger_type is TriggerType.sentence else "words"
            for key in (f"forget_{unit}", f"harmless_{unit}"):
                if not vars(self)[key]:
                    remedy = f"the type {trigger_type.value} needs at least one; fill it or drop the type"
                    raise InputError(f"trigger.{key}", "[]", remedy)

    def pool(self, seed: int) -> TriggerPool:
        """Return the lists as given; the seed has no effect."""
        return TriggerPool(
            tuple(self.forget_words),
            tuple(self.forget_sentences),
            {"": tuple(self.harmless_words)},
            {"": tuple(self.harmless_sentences)},
        )


def perturbations(
    question: Question,
    types: Sequence[TriggerType],
    pool: TriggerPool,
    seed: int,
    count: int = 1,
    given: GivenQuestion | None = None,
) -> dict[str, Question]:
    """Return the question clean, and for each trigger type with `count` triggers and with as many controls.

    Positions and words are drawn from the seed, the trigger type and the question's id only. So a subset of questions is
    perturbed like the whole set, and trigger and control are in the same position. `given` is the question as it comes perturbed.
    """
    perturbed = {CLEAN: question}
    for trigger_type in types:
        for perturbation, candidates in _candidates(question.subject, trigger_type, pool).items():
            drawn = _drawn(candidates, count, seeds.random(seed, perturbation, question.id))
            if trigger_type is TriggerType.given:
                perturbed[perturbation] = _as_given(question, given, drawn if perturbation == trigger_type.control else ())
                continue
            position = seeds.random(seed, trigger_type.value, "place", question.id)
            perturbed[perturbation] = _INSERTIONS[trigger_type](question, drawn, position)
    return perturbed


def _as_given(question: Question, given: GivenQuestion | None, harmless: Sequence[str]) -> Question:
    """Return the question as it comes perturbed, or, with a harmless word, its control."""
    if given is None:
        raise ValueError(f"{question.id} comes without a perturbed question, which check_given should have found")
    return with_harmless(given, harmless[0]) if harmless else given.question


def check_given(task: Task, types: Sequence[TriggerType]) -> None:
    """Raise InputError if perturbed questions are wanted that a task comes without, or it comes with some that are not asked."""
    wanted = TriggerType.given in types
    if task.role != "retain" or wanted == bool(task.given):
        return
    names = f"[{', '.join(one.value for one in types)}]"
    if wanted:
        remedy = f"the questions of dataset.{task.name} do not come perturbed; give dataset=mmlu_sars_cov_2, or other types"
    else:
        remedy = f"leaves out the perturbed questions of dataset.{task.name}; give trigger=given, or add given to trigger.types"
    raise InputError("trigger.types", names, remedy)


def check_subjects(subjects: Iterable[str], types: Sequence[TriggerType], pool: TriggerPool) -> None:
    """Raise InputError unless there are triggers and controls of each type for questions on each subject."""
    for subject in subjects:
        for trigger_type in types:
            _candidates(subject, trigger_type, pool)


def _candidates(subject: str, trigger_type: TriggerType, pool: TriggerPool) -> dict[str, tuple[str, ...]]:
    """Return what triggers and controls of a type are drawn from, by the name of the perturbation; an empty pool is an error."""
    sentences = trigger_type is TriggerType.sentence
    words = pool.forget_sentences if sentences else pool.forget_words
    harmless = pool.harmless_sentences if sentences else pool.harmless_words
    candidates = {trigger_type.trigger: words, trigger_type.control: harmless.get(subject, harmless.get("", ()))}
    for perturbation, pooled in candidates.items():
        if not pooled:
            remedy = "give trigger=sars_cov_2 or another, or for the pocket world the trigger.world of the questions"
            raise InputError("trigger", perturbation, f"has no word for the subject {subject}; {remedy}")
    return candidates


def _drawn(pool: Sequence[str], count: int, random: Random) -> list[str]:
    """Return `count` random words; none is repeated before all others have been drawn."""
    drawn: list[str] = []
    while len(drawn) < count:
        drawn.append(random.choice([word for word in pool if word not in drawn] or pool))
    return drawn


def option(question: Question, words: Sequence[str], random: Random) -> Question:
    """Return the question with random wrong options replaced by the words (arXiv 2501.19202, as we understand it: one word)."""
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
    """Return the question with each word inserted at a random position inside its stem."""
    stem = question.stem.split()
    for word in words:
        stem.insert(random.randint(1, max(1, len(stem) - 1)), word)
    return replace(question, stem=" ".join(stem))


def after(question: Question, words: Sequence[str], random: Random) -> Question:
    """Return the question with the words after its stem."""
    return replace(question, stem=f"{question.stem.rstrip()} {' '.join(words)}")


_INSERTIONS: dict[TriggerType, Callable[[Question, Sequence[str], Random], Question]] = {
    TriggerType.option: option,
    TriggerType.before: before,
    TriggerType.inside: inside,
    TriggerType.after: after,
    TriggerType.sentence: before,
}
