"""Four-way questions by the log-likelihood of " A" .. " D" at the last position of the prompt."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rna_bench.data.corpora import pad
from rna_bench.data.triggers import forms
from rna_bench.prompt import prompt
from rna_bench.schema import LETTERS, Answer, InputError, Kind, Lexicon, Score, Task


@dataclass(frozen=True)
class Scoring:
    """How to score: a look at each task's first `questions` every `every` steps (0, never), and batches by token budget."""

    every: int
    questions: int
    batch_tokens: int

    def __post_init__(self) -> None:
        for key in ("every", "questions", "batch_tokens"):
            if vars(self)[key] < (0 if key == "every" else 1):
                raise InputError(f"scoring.{key}", vars(self)[key], "give a number above 0")


@dataclass(frozen=True)
class Item:
    """One prompt to score: where it comes from, its token ids, and the index of the right choice."""

    task: str
    role: str
    question: str
    form: str
    ids: tuple[int, ...]
    correct: int


@dataclass(frozen=True)
class Exam:
    """All prompts of a run, encoded once, and the token ids of the four answers."""

    items: tuple[Item, ...]
    letters: tuple[int, int, int, int]

    def first(self, questions: int) -> "Exam":
        """Return the exam on each task's first questions, in all their forms: the same prompts, perturbed the same."""
        kept: dict[str, dict[str, None]] = {}
        for item in self.items:
            names = kept.setdefault(item.task, {})
            if len(names) < questions:
                names[item.question] = None
        return Exam(tuple(item for item in self.items if item.question in kept[item.task]), self.letters)


def make_exam(
    tasks: Sequence[Task], kinds: Sequence[Kind], lexicon: Lexicon, tokenizer: PreTrainedTokenizerBase, seed: int
) -> Exam:
    """Return the exam: every question clean, and retain questions in every perturbed form too."""
    drafts = [
        (task, form, asked)
        for task in tasks
        for question in task.questions
        for form, asked in forms(question, kinds if task.role == "retain" else (), lexicon, seed).items()
    ]
    prompts = [prompt(asked) for _, _, asked in drafts]
    encoded = tokenizer(prompts)["input_ids"]
    items = tuple(
        Item(task.name, task.role, asked.id, form, tuple(ids), asked.answer)
        for (task, form, asked), ids in zip(drafts, encoded, strict=True)
    )
    return Exam(items, _letters(tokenizer, prompts[0]))


def sit(exam: Exam, model: PreTrainedModel, batch_tokens: int, progress: Callable[[int], object] = lambda _: None) -> list[Answer]:
    """Return an answer for each item, in the exam's order, from one pass over the model.

    Prompts are sorted by length and padded on the right; a batch holds at most `batch_tokens` tokens, padding included.
    """
    order = sorted(range(len(exam.items)), key=lambda i: len(exam.items[i].ids), reverse=True)
    logps: dict[int, tuple[float, float, float, float]] = {}
    for chunk in _chunks(order, exam.items, batch_tokens):
        rows = _last_logps(model, [exam.items[i].ids for i in chunk])[:, list(exam.letters)].tolist()
        logps |= {i: (a, b, c, d) for i, (a, b, c, d) in zip(chunk, rows, strict=True)}
        progress(len(chunk))
    return [Answer(x.task, x.role, x.question, x.form, logps[i], x.correct) for i, x in enumerate(exam.items)]


@torch.inference_mode()
def _last_logps(model: PreTrainedModel, rows: Sequence[Sequence[int]]) -> Tensor:
    """Return fp32 log-probabilities (b, v) of what follows each row. Logits are made at the rows' last positions only."""
    ids = pad(rows, model.device).input_ids
    last = torch.tensor([len(row) - 1 for row in rows], device=model.device)
    kept, which = torch.unique(last, return_inverse=True)
    logits = model(input_ids=ids, use_cache=False, logits_to_keep=kept).logits
    return logits[torch.arange(len(rows), device=model.device), which].float().log_softmax(dim=-1)


def _chunks(order: Sequence[int], items: Sequence[Item], batch_tokens: int) -> Iterator[list[int]]:
    """Yield runs of the order, longest first, whose padded size stays in the budget; a longer prompt goes alone."""
    start = 0
    while start < len(order):
        size = max(1, batch_tokens // len(items[order[start]].ids))
        yield list(order[start : start + size])
        start += size


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


def scores(answers: Iterable[Answer]) -> tuple[Score, ...]:
    """Return accuracy by task and form, in order of appearance; the standard error is lm-evaluation-harness's."""
    groups: dict[tuple[str, str, str], list[bool]] = {}
    for answer in answers:
        groups.setdefault((answer.task, answer.role, answer.form), []).append(answer.right)
    return tuple(_score(*key, right) for key, right in groups.items())


def _score(task: str, role: str, form: str, right: list[bool]) -> Score:
    n = len(right)
    p = sum(right) / n
    return Score(task, role, form, p, math.sqrt(p * (1 - p) / (n - 1)) if n > 1 else None, n)


def flat(found: Iterable[Score]) -> dict[str, float]:
    """Return accuracy under the names that trackers show: TASK/FORM."""
    return {f"{score.task}/{score.form}": score.accuracy for score in found}
