"""Texts about the facts that questions ask for, as an attack is trained on them."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple, Protocol, runtime_checkable

from rna_bench.core.types import LETTERS, Question, Text
from rna_bench.data.prompts import prompt
from rna_bench.data.questions import QuestionSource


class FactTexts(NamedTuple):
    """Questions about facts, the letter of the answer as body, and documents that state them; none where there are none.

    `facts` names the fact of each question; () where each is about a fact of its own.
    """

    questions: tuple[Text, ...]
    documents: tuple[Text, ...]
    facts: tuple[str, ...] = ()

    def fact_names(self) -> tuple[str, ...]:
        """Return a name for the fact of each question."""
        return self.facts or tuple(map(str, range(len(self.questions))))


@runtime_checkable
class FactSource(Protocol):
    """A source of questions that can write other texts about the facts that some of its questions ask for, and no other fact."""

    def fact_texts(self, questions: Sequence[Question], count: int, random: Random) -> FactTexts: ...


@runtime_checkable
class StemSource(Protocol):
    """A source of questions that knows other wordings of their stems: of each, by the question's id; all have as many."""

    def other_stems(self, questions: Sequence[Question]) -> Mapping[str, tuple[str, ...]]: ...


def other_stems(source: QuestionSource, questions: Sequence[Question]) -> Mapping[str, tuple[str, ...]]:
    """Return other wordings of questions' stems by the questions' ids; none where the source knows none."""
    return source.other_stems(questions) if isinstance(source, StemSource) else {}


def texts_about(source: QuestionSource, questions: Sequence[Question], count: int, random: Random, newlines: int) -> FactTexts:
    """Return texts about the facts of some of a source's questions: `count` of each kind, or else the questions themselves."""
    if isinstance(source, FactSource):
        return source.fact_texts(questions, count, random)
    return FactTexts(tuple(solved(question, newlines) for question in questions), ())


def solved(question: Question, newlines: int = 2) -> Text:
    """Return a question as a training text, with the letter of its answer as body."""
    return Text(prompt(question, newlines=newlines), f" {LETTERS[question.answer]}")


def together(parts: Sequence[FactTexts]) -> FactTexts:
    """Return the texts of several sources as one; facts of different sources are different."""
    questions = tuple(text for part in parts for text in part.questions)
    documents = tuple(text for part in parts for text in part.documents)
    return FactTexts(questions, documents, tuple(f"{n}/{name}" for n, part in enumerate(parts) for name in part.fact_names()))
