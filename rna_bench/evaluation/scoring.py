"""Four-way questions by the log-likelihood of " A" .. " D" at the last position of the prompt."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from rna_bench.core.types import InputError, Response
from rna_bench.data.batches import pad
from rna_bench.evaluation.requests import EvalSet, Request
from rna_bench.models import trees
from rna_bench.models.trees import Prompt, Tree

LEAST_PREFIX = 64
"""Tokens that a subject's prompts must begin with in common to be kept in a cache: fewer are not worth batches of their own."""

TRIAL = 12
"""Tokens of the longer prompt on which sharing is tried."""
TRIED = (3, 5, 7, 11)
"""Token ids whose log-likelihoods are compared there."""


@dataclass(frozen=True)
class Scoring:
    """How to score: a look at each task's first `questions` every `every` steps (0, never), and batches by token budget.

    `newlines` is how many line breaks stand after the prompt's description; `part` is how many prompts are scored before
    their answers are kept, so that an interrupted run goes on from there.
    """

    every: int
    questions: int
    batch_tokens: int
    newlines: int
    part: int

    def __post_init__(self) -> None:
        for key in ("every", "questions", "batch_tokens", "newlines", "part"):
            if vars(self)[key] < (0 if key == "every" else 1):
                raise InputError(f"scoring.{key}", vars(self)[key], "give a number above 0")


@dataclass(frozen=True)
class Bundle:
    """Trees of prompts after what all of them begin with; `prefix` is empty where there is too little of that."""

    prefix: Sequence[int]
    trees: Sequence[Tree]


def evaluate(
    exam: EvalSet,
    model: PreTrainedModel,
    batch_tokens: int,
    progress: Callable[[int], object] = lambda _: None,
    *,
    sharing: bool = True,
) -> list[Response]:
    """Return an answer for each item, in the exam's order, from one pass over the model.

    With `sharing`, what prompts begin with in common is run once. A batch holds at most `batch_tokens` tokens, padding and
    prefixes included; a longer one goes alone.
    """
    logps: dict[int, tuple[float, float, float, float]] = {}
    with trees.evaluating(model):
        for numbers, found in _shared(exam, model, batch_tokens) if sharing else _apart(exam, model, batch_tokens):
            logps |= {number: (a, b, c, d) for number, (a, b, c, d) in zip(numbers, found.tolist(), strict=True)}
            progress(len(numbers))
    return [
        Response(item.task, item.role, item.question, item.perturbation, logps[number], item.correct, item.subject)
        for number, item in enumerate(exam.items)
    ]


def unshared(model: PreTrainedModel) -> str:
    """Return why prompts of this model cannot share what they begin with, or "" when that gives what each alone gives."""
    size, window = model.config.get_text_config().vocab_size, _window(model)
    if window and window < TRIAL:
        return f"its sliding window has {window} tokens"
    ids = [(7 * number + 3) % size for number in range(TRIAL)]
    prompts = [(0, ids), (1, [*ids[:9], *ids[2:5]])]
    items = tuple(Request("", "", "", "", "", tuple(prompt), 0, cut=False) for _, prompt in prompts)
    with trees.evaluating(model):
        ((order, whole),) = _apart(EvalSet(items, TRIED), model, 10**6)
        try:
            cache = trees.prefix_cache(model, ids[:4])
            numbers, states = trees.leaf_states(model, [trees.grow((n, prompt[4:]) for n, prompt in prompts)], cache)
            found = trees.choice_logps(model, states, TRIED)
        except (AttributeError, TypeError, ValueError, IndexError, RuntimeError) as error:
            return f"running it on prompts that share a beginning fails ({type(error).__name__}: {' '.join(str(error).split())})"
        wanted = whole[[order.index(number) for number in numbers]]
    bound = 1e-3 if model.dtype == torch.float32 else 0.1  # nats, in the mean: bf16 rounds logits of 16 by up to 0.03
    same = bool((found - wanted).abs().mean() < bound)
    return "" if same else "prompts that share a beginning get other log-likelihoods than each alone"


def bundles(items: Sequence[Request], window: int | None, batch_tokens: int) -> list[Bundle]:
    """Return the items' prompts as trees, one bundle for each subject with a long common beginning, one for all others.

    No tree is larger than a batch, unless one prompt is.
    A prompt longer than the model's sliding `window` stands alone: the attention that a tree needs knows no window.
    """
    groups: dict[tuple[str, str], list[Prompt]] = {}
    alone: list[Tree] = []
    for number, item in enumerate(items):
        if item.cut or (window and len(item.ids) > window):
            alone.append(trees.grow([(number, item.ids)]))
        else:
            groups.setdefault((item.task, item.subject), []).append((number, item.ids))
    made: list[Bundle] = []
    for prompts in groups.values():
        length = _common(prompts)
        rest = [(number, ids[length:]) for number, ids in prompts]
        grown = [tree for family in _families(items, rest) for tree in trees.split(family, batch_tokens - length)]
        if length:
            made.append(Bundle(prompts[0][1][:length], grown))
        else:
            alone += grown
    return [*made, Bundle((), alone)] if alone else made


def _common(prompts: Sequence[Prompt]) -> int:
    """Return how many tokens all prompts begin with, less one where that is a whole prompt; 0 where they are too few."""
    rows = [tuple(ids) for _, ids in prompts]
    length = min(trees.shared(min(rows), max(rows)), min(map(len, rows)) - 1)
    return length if length >= LEAST_PREFIX and len(rows) > 1 else 0


def _families(items: Sequence[Request], prompts: Sequence[Prompt]) -> list[list[Prompt]]:
    families: dict[str, list[Prompt]] = {}
    for number, ids in prompts:
        families.setdefault(items[number].question, []).append((number, ids))
    return list(families.values())


def _shared(exam: EvalSet, model: PreTrainedModel, batch_tokens: int) -> Iterator[tuple[list[int], Tensor]]:
    """Yield prompts' numbers and the log-probabilities (n, 4) of the letters, batch by batch."""
    for bundle in bundles(exam.items, _window(model), batch_tokens):
        cache = trees.prefix_cache(model, bundle.prefix) if bundle.prefix else None
        for batch in _batches(bundle.trees, batch_tokens, len(bundle.prefix)):
            numbers, states = trees.leaf_states(model, batch, cache)
            yield numbers, trees.choice_logps(model, states, exam.letters)


def _window(model: PreTrainedModel) -> int | None:
    return model.config.get_text_config().to_dict().get("sliding_window")


def _batches(grown: Sequence[Tree], batch_tokens: int, prefix: int) -> Iterator[list[Tree]]:
    """Yield trees, branched ones and single prompts apart, longest first, as many as the budget holds when padded."""
    for kind in (True, False):
        rows = sorted((tree for tree in grown if tree.branched is kind), key=lambda tree: len(tree.ids), reverse=True)
        start = 0
        while start < len(rows):
            size = max(1, batch_tokens // (prefix + len(rows[start].ids)))
            yield rows[start : start + size]
            start += size


def _apart(exam: EvalSet, model: PreTrainedModel, batch_tokens: int) -> Iterator[tuple[list[int], Tensor]]:
    """Yield as `_shared` does, each prompt run whole: padded on the right, logits made at the prompts' last positions only.

    The head is run in the model's own dtype here, so that no more of a model need be known than that it takes token ids.
    """
    single = [trees.grow([(number, item.ids)]) for number, item in enumerate(exam.items)]
    for batch in _batches(single, batch_tokens, 0):
        ids = pad([tree.ids for tree in batch], model.device).input_ids
        last = torch.tensor([len(tree.ids) - 1 for tree in batch], device=model.device)
        kept, which = torch.unique(last, return_inverse=True)
        logits = model(input_ids=ids, use_cache=False, logits_to_keep=kept).logits
        rows = logits[torch.arange(len(batch), device=model.device), which]
        yield [tree.leaves[0][0] for tree in batch], rows.float().log_softmax(dim=-1)[:, list(exam.letters)]
