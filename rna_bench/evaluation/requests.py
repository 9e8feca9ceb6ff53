"""Tasks -> an exam: every prompt of a run, clean and perturbed, as token ids."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from rna_bench.core.types import LETTERS, InputError, Task, TriggerPool, TriggerType
from rna_bench.data.prompts import prompt
from rna_bench.data.triggers import perturbations


@dataclass(frozen=True)
class Request:
    """One prompt to score: where it comes from, its token ids, and the index of the right choice.

    `cut` says that its beginning was cut off, so that it begins like no other.
    """

    task: str
    role: str
    subject: str
    question: str
    perturbation: str
    ids: tuple[int, ...]
    correct: int
    cut: bool


@dataclass(frozen=True)
class EvalSet:
    """All prompts of a run, encoded once, and the token ids of the four answers."""

    items: tuple[Request, ...]
    letters: tuple[int, int, int, int]

    def first(self, questions: int) -> "EvalSet":
        """Return the exam on each task's first questions, in all their forms: the same prompts, perturbed the same."""
        kept: dict[str, dict[str, None]] = {}
        for item in self.items:
            names = kept.setdefault(item.task, {})
            if len(names) < questions:
                names[item.question] = None
        return EvalSet(tuple(item for item in self.items if item.question in kept[item.task]), self.letters)

    def parts(self, prompts: int) -> Iterator["EvalSet"]:
        """Yield the exam in parts that end where a task or subject does, each of at least so many prompts but the last."""
        part: list[Request] = []
        for item in self.items:
            if len(part) >= prompts and (item.task, item.subject) != (part[-1].task, part[-1].subject):
                yield EvalSet(tuple(part), self.letters)
                part = []
            part.append(item)
        yield EvalSet(tuple(part), self.letters)


def make_eval_set(
    tasks: Sequence[Task],
    kinds: Sequence[TriggerType],
    trigger_pool: TriggerPool,
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
    *,
    count: int,
    newlines: int = 2,
    context: int | None = None,
) -> EvalSet:
    """Return the exam: every question clean, and retain questions in every perturbed form too, with `count` triggers.

    Prompts longer than `context` tokens lose their beginning, as in lm-evaluation-harness. `newlines` is `prompt`'s.
    """
    drafts = [
        (task, perturbation, asked)
        for task in tasks
        for question in task.questions
        for perturbation, asked in perturbations(
            question, kinds if task.role == "retain" else (), trigger_pool, seed, count
        ).items()
    ]
    prompts = [prompt(asked, task.examples.get(asked.subject, ()), newlines) for task, _, asked in drafts]
    encoded = _encoded(tokenizer, prompts)
    return EvalSet(
        tuple(
            _item(task, perturbation, asked.subject, asked.id, asked.answer, ids, context)
            for (task, perturbation, asked), ids in zip(drafts, encoded, strict=True)
        ),
        _letters(tokenizer, prompts[0]),
    )


def _encoded(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str]) -> list[list[int]]:
    """Encode a thousand prompts at a time: what a tokenizer keeps of each is many times its ids."""
    chunks = (list(prompts[start : start + 1000]) for start in range(0, len(prompts), 1000))
    return [ids for chunk in chunks for ids in tokenizer(chunk, return_attention_mask=False)["input_ids"]]


def _item(
    task: Task, perturbation: str, subject: str, question: str, answer: int, ids: Sequence[int], context: int | None
) -> Request:
    cut = context is not None and len(ids) > context
    kept = ids[-context:] if cut and context else ids
    return Request(task.name, task.role, subject, question, perturbation, tuple(kept), answer, cut)


def _letters(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, int, int, int]:
    """Return the ids of " A" .. " D" after a prompt: context and continuation encoded together, then split at the context."""
    context = tokenizer(text)["input_ids"]
    tails = [tokenizer(f"{text} {letter}")["input_ids"] for letter in LETTERS]
    a, b, c, d = (tail[-1] for tail in tails)
    whole = all(tail[: len(context)] == context and len(tail) == len(context) + 1 for tail in tails)
    if not whole or len({a, b, c, d}) < 4:
        raise InputError(
            "model",
            tokenizer.name_or_path,
            "the tokenizer does not make one token, each its own, of ' A' to ' D'; choose another model",
        )
    return a, b, c, d
