"""Builds the evaluation set of a run from its tasks: every prompt, clean and perturbed, as token ids."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from transformers import PreTrainedTokenizerBase

from rna_bench.core.perturbed import TriggerPool
from rna_bench.core.types import LETTERS, InputError, Question, Task, TriggerType
from rna_bench.data.prompts import PromptParts
from rna_bench.data.triggers import perturbations


@dataclass(frozen=True)
class Request:
    """One prompt to score: the question it comes from, its token ids, and the index of the correct choice.

    `cut` says that the beginning of the prompt was cut off, so that it shares no prefix with other prompts. `parts` are what the
    prompt was made of; None where it is token ids alone.
    """

    task: str
    role: str
    subject: str
    question: str
    perturbation: str
    ids: tuple[int, ...]
    correct: int
    cut: bool
    parts: PromptParts | None = None


@dataclass(frozen=True)
class EvalSet:
    """All prompts of a run, tokenized, and the token ids of the four answer letters."""

    requests: tuple[Request, ...]
    letters: tuple[int, int, int, int]

    def first(self, questions: int) -> "EvalSet":
        """Return the requests of the first `questions` of each task, clean and under all perturbations."""
        chosen: dict[str, dict[str, None]] = {}
        for request in self.requests:
            names = chosen.setdefault(request.task, {})
            if len(names) < questions:
                names[request.question] = None
        return EvalSet(tuple(request for request in self.requests if request.question in chosen[request.task]), self.letters)

    def parts(self, prompts: int) -> Iterator["EvalSet"]:
        """Yield the set in parts of at least `prompts` prompts (the last may be smaller), never splitting a task's subject."""
        part: list[Request] = []
        for request in self.requests:
            if len(part) >= prompts and (request.task, request.subject) != (part[-1].task, part[-1].subject):
                yield EvalSet(tuple(part), self.letters)
                part = []
            part.append(request)
        yield EvalSet(tuple(part), self.letters)


def make_eval_set(
    tasks: Sequence[Task],
    types: Sequence[TriggerType],
    pool: TriggerPool,
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
    *,
    count: int,
    newlines: int = 2,
    context: int | None = None,
) -> EvalSet:
    """Return every question clean and, in retain tasks, also under each perturbation, with `count` triggers.

    Prompts longer than `context` tokens are cut at the beginning, as in lm-evaluation-harness. `newlines` is passed to `prompt`.
    """
    drafts = [
        (task, perturbation, question)
        for task in tasks
        for clean in task.questions
        for perturbation, question in _forms(task, clean, types, pool, seed, count).items()
    ]
    parts = [
        PromptParts(question, task.examples.get(question.subject, ()), newlines, task.stems.get(question.id, ()))
        for task, _, question in drafts
    ]
    prompts = [one.text() for one in parts]
    return EvalSet(
        tuple(
            _request(task, perturbation, one, ids, context)
            for (task, perturbation, _), one, ids in zip(drafts, parts, _encoded(tokenizer, prompts), strict=True)
        ),
        letter_ids(tokenizer, prompts[0]),
    )


def reworded(
    eval_set: EvalSet, wording: Callable[[PromptParts], str], tokenizer: PreTrainedTokenizerBase, context: int | None = None
) -> EvalSet:
    """Return the set with every prompt in another wording, cut as in `make_eval_set`; " A" .. " D" follow it, too."""
    prompts = [wording(request.parts) for request in eval_set.requests if request.parts]
    pairs = zip(eval_set.requests, _encoded(tokenizer, prompts), strict=True)
    requests = tuple(replace(request, ids=_visible(ids, context), cut=_too_long(ids, context)) for request, ids in pairs)
    return EvalSet(requests, letter_ids(tokenizer, prompts[0]))


def _forms(
    task: Task, question: Question, types: Sequence[TriggerType], pool: TriggerPool, seed: int, count: int
) -> dict[str, Question]:
    """Return a question clean and, in retain tasks, under each perturbation."""
    return perturbations(question, types if task.role == "retain" else (), pool, seed, count, task.given.get(question.id))


def _encoded(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str]) -> list[list[int]]:
    """Return token ids, encoding a thousand prompts at a time: a tokenizer's full output is many times larger than the ids."""
    chunks = (list(prompts[start : start + 1000]) for start in range(0, len(prompts), 1000))
    return [ids for chunk in chunks for ids in tokenizer(chunk, return_attention_mask=False)["input_ids"]]


def _request(task: Task, perturbation: str, parts: PromptParts, ids: Sequence[int], context: int | None) -> Request:
    visible, cut, asked = _visible(ids, context), _too_long(ids, context), parts.question
    return Request(task.name, task.role, asked.subject, asked.id, perturbation, visible, asked.answer, cut, parts)


def _visible(ids: Sequence[int], context: int | None) -> tuple[int, ...]:
    return tuple(ids[-context:] if context else ids)


def _too_long(ids: Sequence[int], context: int | None) -> bool:
    return context is not None and len(ids) > context


def letter_ids(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, int, int, int]:
    """Return the ids of " A" .. " D" after a prompt: context and continuation are encoded together, then split at the context."""
    context = tokenizer(text)["input_ids"]
    tails = [tokenizer(f"{text} {letter}")["input_ids"] for letter in LETTERS]
    a, b, c, d = (tail[-1] for tail in tails)
    whole = all(tail[: len(context)] == context and len(tail) == len(context) + 1 for tail in tails)
    if not whole or len({a, b, c, d}) < 4:
        remedy = "the tokenizer does not encode ' A' to ' D' as one token each, all different; choose another model"
        raise InputError("model", tokenizer.name_or_path, remedy)
    return a, b, c, d
