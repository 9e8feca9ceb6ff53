"""Answers read off hidden states: after every layer, at the last token of each prompt, where the letter would be predicted."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import torch
from torch import Tensor
from transformers import PreTrainedModel

from rna_bench.core.types import Response
from rna_bench.evaluation.requests import EvalSet, Request
from rna_bench.evaluation.scoring import response, sharing_problem, tree_batches
from rna_bench.models import trees

LayerReader: TypeAlias = Callable[[Tensor, Sequence[int]], Tensor]
"""Of hidden states (l, n, d) and the ids of the letters, their log-probabilities (l, n, 4) after each of l layers."""


def layer_responses(eval_set: EvalSet, model: PreTrainedModel, batch_tokens: int, read: LayerReader) -> list[list[Response]]:
    """Return the responses to the requests, in order, for each layer from the lowest; the questions are run once."""
    logps: dict[int, Tensor] = {}
    with trees.evaluation_mode(model):
        for numbers, states in _states(eval_set.requests, model, batch_tokens):
            logps |= zip(numbers, read(states, eval_set.letters).cpu().unbind(1), strict=True)
    layers = torch.stack([logps[number] for number in range(len(logps))], dim=1).tolist()
    return [[response(asked, row) for asked, row in zip(eval_set.requests, rows, strict=True)] for rows in layers]


def layer_states(requests: Sequence[Request], model: PreTrainedModel, batch_tokens: int) -> Tensor:
    """Return hidden states (l, n, d) after every layer at the last token of each request, in order, on the CPU."""
    by_number: dict[int, Tensor] = {}
    with trees.evaluation_mode(model):
        for numbers, states in _states(requests, model, batch_tokens):
            by_number |= zip(numbers, states.cpu().unbind(1), strict=True)
    return torch.stack([by_number[number] for number in range(len(by_number))], dim=1)


def _states(requests: Sequence[Request], model: PreTrainedModel, batch_tokens: int) -> Iterator[tuple[list[int], Tensor]]:
    for batch, cache in tree_batches(requests, model, batch_tokens, sharing=not sharing_problem(model)):
        yield trees.leaf_states_by_layer(model, batch, cache)
