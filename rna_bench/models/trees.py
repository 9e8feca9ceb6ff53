"""Runs prompts that share prefixes with each common token run once.

The perturbations of a question share a beginning of the stem; few-shot prompts of a subject share their examples.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import reduce
from itertools import takewhile
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import DynamicCache, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast

from rna_bench.models.policies import decoder_layers
from rna_bench.models.segments import forward_replaced, returning

PIECE = 2**14
"""Rows of the output matrix converted to fp32 at a time: 256 MB at a hidden size of 4,096."""
Prompt: TypeAlias = tuple[int, Sequence[int]]
"""The number of a prompt, which identifies it, and its token ids."""


@dataclass(frozen=True)
class Tree:
    """A prefix tree of prompts as one row of n tokens, in depth-first order.

    `depth` is a token's position in its prompt. `ends` is the last index of the token's subtree, so that token j precedes token i
    in a prompt if and only if j <= i <= ends[j]. `leaves` has the number of each prompt and the index of its last token.
    """

    ids: Sequence[int]
    depth: Sequence[int]
    ends: Sequence[int]
    leaves: Sequence[tuple[int, int]]

    @property
    def branched(self) -> bool:
        """Whether the row is more than a single prompt."""
        return len(self.ids) > self.depth[-1] + 1


def build_tree(prompts: Iterable[Prompt]) -> Tree:
    """Return the prefix tree of the prompts, in the order of their token ids."""
    ids: list[int] = []
    depth: list[int] = []
    ends: list[int] = []
    leaves: list[tuple[int, int]] = []
    path: list[int] = []
    before: Sequence[int] = ()
    for number, prompt in sorted(prompts, key=lambda pair: (tuple(pair[1]), pair[0])):
        common = common_prefix(before, prompt)
        for closed in path[common:]:
            ends[closed] = len(ids) - 1
        path = [*path[:common], *range(len(ids), len(ids) + len(prompt) - common)]
        ids += prompt[common:]
        depth += range(common, len(prompt))
        ends += [-1] * (len(prompt) - common)
        leaves.append((number, path[-1]))
        before = prompt
    for closed in path:
        ends[closed] = len(ids) - 1
    return Tree(ids, depth, ends, leaves)


def build_trees(prompts: Iterable[Prompt], most: int) -> list[Tree]:
    """Return trees of the prompts in which each prompt shares at least half of its tokens with the one before it.

    In a wide tree most attention is masked and wasted, so prompts that share less start a new tree. No tree has more than `most`
    tokens, unless a single prompt has.
    """
    families: list[list[Prompt]] = []
    space = 0
    for prompt in sorted(prompts, key=lambda pair: (tuple(pair[1]), pair[0])):
        common = common_prefix(families[-1][-1][1], prompt[1]) if families else 0
        own = len(prompt[1]) - common
        if families and common >= own and own <= space:
            families[-1].append(prompt)
            space -= own
        else:
            families.append([prompt])
            space = most - len(prompt[1])
    return [build_tree(family) for family in families]


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Return the length of the common prefix."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


@contextmanager
def evaluation_mode(model: PreTrainedModel) -> Iterator[None]:
    """Turn dropout and gradient checkpointing off: with checkpointing, no cache would be filled."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module in training:
            module.training = True


def prefix_cache(model: PreTrainedModel, ids: Sequence[int]) -> DynamicCache:
    """Return the keys and values of the common prefix (1, t)."""
    cache = DynamicCache()
    inputs = torch.tensor([list(ids)], device=model.device)
    model.get_decoder()(input_ids=inputs, past_key_values=cache, use_cache=True)
    return cache


def leaf_states(model: PreTrainedModel, trees: Sequence[Tree], cache: DynamicCache | None) -> tuple[list[int], Tensor]:
    """Return the prompts' numbers (n) and the final hidden states (n, d) of their last tokens, after the prefix in `cache`."""
    hidden = model.get_decoder()(**_inputs(model, trees, cache)).last_hidden_state
    return _numbers(trees), hidden[_places(trees)]


def leaf_states_by_layer(model: PreTrainedModel, trees: Sequence[Tree], cache: DynamicCache | None) -> tuple[list[int], Tensor]:
    """Return what `leaf_states` does, but hidden states (l, n, d) at the output of every layer, by one run of the layers."""
    places = _places(trees)
    kept: list[Tensor] = []

    def keep(_layer: nn.Module, _inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
        hidden = output[0] if isinstance(output, tuple) else output
        kept.append(hidden[places].to(model.device))  # layers of a model may be spread over devices

    hooks = [layer.register_forward_hook(keep) for layer in decoder_layers(model)]
    try:
        model.get_decoder()(**_inputs(model, trees, cache))
    finally:
        for hook in hooks:
            hook.remove()
    return _numbers(trees), torch.stack(kept)


def _inputs(model: PreTrainedModel, trees: Sequence[Tree], cache: DynamicCache | None) -> dict[str, object]:
    device, start = model.device, cache.get_seq_length() if cache else 0
    inputs: dict[str, object] = {"input_ids": _padded([tree.ids for tree in trees], 0, device), "use_cache": False}
    if cache:
        inputs |= {"past_key_values": _repeated(cache, len(trees)), "use_cache": True}
    if cache or any(tree.branched for tree in trees):
        inputs["position_ids"] = start + _padded([tree.depth for tree in trees], 0, device)
        inputs["attention_mask"] = _attention(trees, start, model)
    return inputs


def _numbers(trees: Sequence[Tree]) -> list[int]:
    return [number for tree in trees for number, _ in tree.leaves]


def _places(trees: Sequence[Tree]) -> tuple[list[int], list[int]]:
    """Return row and column of each prompt's last token."""
    rows = [row for row, tree in enumerate(trees) for _ in tree.leaves]
    return rows, [index for tree in trees for _, index in tree.leaves]


def final_states(model: PreTrainedModel, states: Tensor) -> Tensor:
    """Return hidden states (n, d), at the output of any layer, as the head would read them: after the model's own last norm."""
    dummy = torch.zeros(len(states), 1, dtype=torch.long, device=model.device)
    with ExitStack() as stack:
        for layer in decoder_layers(model):
            stack.enter_context(returning(layer, states[:, None]))
        return model.get_decoder()(input_ids=dummy, use_cache=False).last_hidden_state[:, 0]


def choice_logps(model: PreTrainedModel, states: Tensor, choices: Sequence[int]) -> Tensor:
    """Return log-probabilities (n, c), in fp32, of the tokens `choices` after final hidden states (n, d).

    Only their rows of the output matrix give logits; the other rows are needed for the normalising sum, a piece at a time.
    """
    size = _output_matrix(model).weight.shape[0]
    pieces = (_logits(model, states, slice(start, start + PIECE)).logsumexp(dim=-1) for start in range(0, size, PIECE))
    return _logits(model, states, list(choices)) - reduce(torch.logaddexp, pieces)[:, None]


def _logits(model: PreTrainedModel, states: Tensor, rows: slice | list[int]) -> Tensor:
    """Return logits (n, r) for some rows of the output matrix, applied in fp32.

    The model's own code applies soft caps and scales to the logits: its body is replaced by a function that returns the states.
    """
    head = _output_matrix(model)
    weight, bias = head.weight[rows].float(), None if head.bias is None else head.bias[rows].float()
    output = BaseModelOutputWithPast(last_hidden_state=states[None])  # pyright: ignore[reportArgumentType]  typed as a FloatTensor there
    dummy = torch.zeros(1, 1, dtype=torch.long, device=model.device)

    def linear(hidden: Tensor) -> Tensor:
        return F.linear(hidden.float().to(weight.device), weight, bias)

    with returning(model.get_decoder(), output), forward_replaced(head, linear):
        return model(input_ids=dummy, use_cache=False).logits[0].float()


def _output_matrix(model: PreTrainedModel) -> nn.Linear:
    head = model.get_output_embeddings()
    if not isinstance(head, nn.Linear):
        raise TypeError("the model's head is not a single matrix")
    return head


def _padded(rows: Sequence[Sequence[int]], filler: int, device: torch.device) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([[*row, *[filler] * (width - len(row))] for row in rows], device=device)


def _repeated(cache: DynamicCache, count: int) -> DynamicCache:
    own = deepcopy(cache)
    own.batch_repeat_interleave(count)
    return own


def _attention(trees: Sequence[Tree], start: int, model: PreTrainedModel) -> Tensor:
    """Return the mask to add to attention scores (b, 1, n, start + n): 0 at the prefix, a token's ancestors and itself."""
    ends = _padded([tree.ends for tree in trees], -1, model.device)
    at = torch.arange(ends.shape[1], device=model.device)
    before = (at[None, :] <= at[:, None]) & (at[:, None] <= ends[:, None, :])
    visible = F.pad(before | (at[None, :] == at[:, None]), (start, 0), value=True)[:, None]
    return torch.zeros(visible.shape, dtype=model.dtype, device=model.device).masked_fill_(~visible, torch.finfo(model.dtype).min)
