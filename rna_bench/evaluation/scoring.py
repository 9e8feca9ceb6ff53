"""Scores four-way questions by the log-likelihood of " A" .. " D" at the last position of the prompt."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from rna_bench.core.types import InputError, Response
from rna_bench.data.batches import pad
from rna_bench.evaluation.requests import EvalSet, Request
from rna_bench.models import trees
from rna_bench.models.trees import Prompt, Tree

MIN_PREFIX = 64
"""Tokens that the prompts of a subject must have in common at the beginning to be cached; fewer are not worth separate batches."""

TRIAL = 12
"""Tokens of the longer prompt in the trial of prefix sharing."""
TRIED = (3, 5, 7, 11)
"""Token ids whose log-likelihoods that trial compares."""


@dataclass(frozen=True)
class Scoring:
    """How to score: on the first `questions` of each task every `every` steps (0: never), in batches of `batch_tokens` tokens.

    `newlines` is the number of line breaks after the prompt's description. After every `part` prompts of the final evaluation
    the responses are saved, so that an interrupted run resumes there. Of datasets with more questions than the standard error
    `stderr` of an accuracy needs a sample is asked (`data.sampling`); None, of none.
    """

    every: int
    questions: int
    batch_tokens: int
    newlines: int
    part: int
    stderr: float | None = None

    def __post_init__(self) -> None:
        for key in ("every", "questions", "batch_tokens", "newlines", "part"):
            if vars(self)[key] < (0 if key == "every" else 1):
                raise InputError(f"scoring.{key}", vars(self)[key], "give a number above 0")
        if self.stderr is not None and not 0 < self.stderr < 0.5:
            raise InputError("scoring.stderr", self.stderr, "give a standard error between 0 and 0.5, as 0.01, or null to ask all")


@dataclass(frozen=True)
class Bundle:
    """Prompts with a common prefix, as trees of what follows it; `prefix` is empty if the common beginning is too short."""

    prefix: Sequence[int]
    trees: Sequence[Tree]


def evaluate(
    eval_set: EvalSet,
    model: PreTrainedModel,
    batch_tokens: int,
    progress: Callable[[int], object] = lambda _: None,
    *,
    sharing: bool = True,
) -> list[Response]:
    """Return a response for each request, in order.

    With `sharing`, common beginnings of prompts are run once. A batch holds at most `batch_tokens` tokens, including padding and
    prefixes; a longer prompt is a batch by itself.
    """
    score = _scored_in_trees if sharing else _scored_whole
    logps: dict[int, Sequence[float]] = {}
    with trees.evaluation_mode(model):
        for numbers, rows in score(eval_set, model, batch_tokens):
            logps |= zip(numbers, rows.tolist(), strict=True)
            progress(len(numbers))
    return [response(asked, logps[number]) for number, asked in enumerate(eval_set.requests)]


def response(asked: Request, logps: Sequence[float]) -> Response:
    """Return the response to a request, of the log-probabilities of its four letters."""
    a, b, c, d = logps
    return Response(asked.task, asked.role, asked.question, asked.perturbation, (a, b, c, d), asked.correct, asked.subject)


def sharing_problem(model: PreTrainedModel) -> str:
    """Return why prompts cannot share prefixes in this model, or "" if sharing leaves the log-likelihoods unchanged."""
    size, window = model.config.get_text_config().vocab_size, _window(model)
    if window and window < TRIAL:
        return f"its sliding window has {window} tokens"
    ids = [(7 * number + 3) % size for number in range(TRIAL)]
    prompts = [(0, ids), (1, [*ids[:9], *ids[2:5]])]
    requests = tuple(Request("", "", "", "", "", tuple(prompt), 0, cut=False) for _, prompt in prompts)
    with trees.evaluation_mode(model):
        ((order, whole),) = _scored_whole(EvalSet(requests, TRIED), model, 10**6)
        try:
            cache = trees.prefix_cache(model, ids[:4])
            numbers, states = trees.leaf_states(model, [trees.build_tree((n, prompt[4:]) for n, prompt in prompts)], cache)
            shared = trees.choice_logps(model, states, TRIED)
        except (AttributeError, TypeError, ValueError, IndexError, RuntimeError) as error:
            return f"running it on prompts that share a prefix fails ({type(error).__name__}: {' '.join(str(error).split())})"
        expected = whole[[order.index(number) for number in numbers]]
    bound = 1e-3 if model.dtype == torch.float32 else 0.1  # nats, on average: bf16 rounds logits of 16 by up to 0.03
    same = bool((shared - expected).abs().mean() < bound)
    return "" if same else "prompts that share a prefix get different log-likelihoods than when run separately"


def bundles(requests: Sequence[Request], window: int | None, batch_tokens: int) -> list[Bundle]:
    """Return the prompts of the requests as trees: one bundle for each subject with a long common prefix, one for all others.

    No tree is larger than a batch, unless a single prompt is. A prompt longer than the model's sliding `window` is a tree by
    itself, as the attention mask of a tree has no window.
    """
    groups: dict[tuple[str, str], list[Prompt]] = {}
    alone: list[Tree] = []
    for number, request in enumerate(requests):
        if request.cut or (window and len(request.ids) > window):
            alone.append(trees.build_tree([(number, request.ids)]))
        else:
            groups.setdefault((request.task, request.subject), []).append((number, request.ids))
    bundled: list[Bundle] = []
    for prompts in groups.values():
        length = _prefix_length(prompts)
        rest = [(number, ids[length:]) for number, ids in prompts]
        grown = [tree for family in _families(requests, rest) for tree in trees.build_trees(family, batch_tokens - length)]
        if length:
            bundled.append(Bundle(prompts[0][1][:length], grown))
        else:
            alone += grown
    return [*bundled, Bundle((), alone)] if alone else bundled


def _prefix_length(prompts: Sequence[Prompt]) -> int:
    """Return the length of the common prefix, which leaves each prompt at least one token; 0 if it is not worth caching."""
    rows = [tuple(ids) for _, ids in prompts]
    length = min(trees.common_prefix(min(rows), max(rows)), min(map(len, rows)) - 1)
    return length if length >= MIN_PREFIX and len(rows) > 1 else 0


def _families(requests: Sequence[Request], prompts: Sequence[Prompt]) -> list[list[Prompt]]:
    """Return the prompts grouped by question."""
    families: dict[str, list[Prompt]] = {}
    for number, ids in prompts:
        families.setdefault(requests[number].question, []).append((number, ids))
    return list(families.values())


def tree_batches(
    requests: Sequence[Request], model: PreTrainedModel, batch_tokens: int, *, sharing: bool
) -> Iterator[tuple[list[Tree], DynamicCache | None]]:
    """Yield batches of trees that together hold each request once, and the cache of the prefix that they follow, if any.

    Without `sharing` each prompt is a tree by itself.
    """
    alone = [trees.build_tree([(number, request.ids)]) for number, request in enumerate(requests)]
    for bundle in bundles(requests, _window(model), batch_tokens) if sharing else [Bundle((), alone)]:
        cache = trees.prefix_cache(model, bundle.prefix) if bundle.prefix else None
        for batch in _batches(bundle.trees, batch_tokens, len(bundle.prefix)):
            yield batch, cache


def _scored_in_trees(eval_set: EvalSet, model: PreTrainedModel, batch_tokens: int) -> Iterator[tuple[list[int], Tensor]]:
    """Yield, batch by batch, the numbers of requests and the log-probabilities (n, 4) of the letters, prefixes run once."""
    for batch, cache in tree_batches(eval_set.requests, model, batch_tokens, sharing=True):
        numbers, states = trees.leaf_states(model, batch, cache)
        yield numbers, trees.choice_logps(model, states, eval_set.letters)


def _window(model: PreTrainedModel) -> int | None:
    return model.config.get_text_config().to_dict().get("sliding_window")


def _batches(grown: Sequence[Tree], batch_tokens: int, prefix: int) -> Iterator[list[Tree]]:
    """Yield batches of trees, longest first, as many as the padded budget holds; branched trees and single prompts separately."""
    for branched in (True, False):
        rows = sorted((tree for tree in grown if tree.branched is branched), key=lambda tree: len(tree.ids), reverse=True)
        start = 0
        while start < len(rows):
            size = max(1, batch_tokens // (prefix + len(rows[start].ids)))
            yield rows[start : start + size]
            start += size


def _scored_whole(eval_set: EvalSet, model: PreTrainedModel, batch_tokens: int) -> Iterator[tuple[list[int], Tensor]]:
    """Yield as `_scored_in_trees` does, with each prompt run whole: padded on the right, logits at last positions only.

    The head runs in the model's own dtype here: the model only has to accept token ids.
    """
    for batch, _ in tree_batches(eval_set.requests, model, batch_tokens, sharing=False):
        ids = pad([tree.ids for tree in batch], model.device).input_ids
        last = torch.tensor([len(tree.ids) - 1 for tree in batch], device=model.device)
        positions, column = torch.unique(last, return_inverse=True)
        logits = model(input_ids=ids, use_cache=False, logits_to_keep=positions).logits
        rows = logits[torch.arange(len(batch), device=model.device), column]
        yield [tree.leaves[0][0] for tree in batch], rows.float().log_softmax(dim=-1)[:, list(eval_set.letters)]
