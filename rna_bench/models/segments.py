"""Runs a segment of the transformer: some of its layers, or its head, on given hidden states. Unlearning calls it only here.

The model's own code computes masks, rotary embeddings, norms and soft caps. Layers that must not run are replaced by functions
that return a given hidden state, and an exception leaves the model as soon as the requested states are available.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

from rna_bench.core.types import Batch


class _ReachedError(Exception):
    """The requested states are available; the layers above need not run."""


@dataclass(frozen=True)
class Policy:
    """A model, its decoder layers, its trained tensors, and frozen copies of their initial values.

    The reference model differs from the policy only in these tensors, so it is the same model run with the copies. `first` is
    the lowest trained layer; below it, policy and reference are the same function. `unsplittable` says why the model must be run
    whole, or is "" if it can be split between layers and before its head.
    """

    model: PreTrainedModel
    layers: nn.ModuleList
    trained: Mapping[str, nn.Parameter]
    frozen: Mapping[str, Tensor]
    first: int
    unsplittable: str

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def last(self) -> int:
        """The highest layer with a trained tensor; the highest of all where none has one."""
        trained = [n for n, layer in enumerate(self.layers) if any(p.requires_grad for p in layer.parameters())]
        return trained[-1] if trained else len(self.layers) - 1


def hidden(
    policy: Policy,
    batch: Batch,
    stop: int,
    *,
    reference: bool = False,
    start: int = 0,
    entry: Tensor | None = None,
    edits: Mapping[int, Callable[[Tensor], Tensor]] | None = None,
) -> Tensor:
    """Return hidden states (b, t, d) at the output of layer `stop`; the layers above are not run.

    With `entry` (b, t, d), the input of layer `start`, the layers below `start` are not run. `edits` change outputs of layers.
    """
    with ExitStack() as stack:
        stack.enter_context(_skipped(policy.layers[:start], entry))
        stack.enter_context(edited(policy.layers, edits or {}))
        captured = stack.enter_context(_captured(policy.layers[stop]))
        above = policy.layers[stop + 1] if stop + 1 < len(policy.layers) else None
        stack.enter_context(_stop_before(above) if above else _stop_after(policy.model.get_decoder()))
        _call(policy, _inputs(batch), reference=reference)
    return captured[-1].to(policy.device)  # layers of a model that is spread over devices leave their output on their own device


def final(
    policy: Policy,
    batch: Batch,
    *,
    reference: bool = False,
    start: int = 0,
    entry: Tensor | None = None,
    edits: Mapping[int, Callable[[Tensor], Tensor]] | None = None,
) -> Tensor:
    """Return the input of the head: the last layer's hidden states (b, t, d) after the final norm. The head is not run."""
    with (
        _skipped(policy.layers[:start], entry),
        edited(policy.layers, edits or {}),
        _stop_after(policy.model.get_decoder()) as captured,
    ):
        _call(policy, _inputs(batch), reference=reference)
    return captured[-1].to(policy.device)  # layers of a model that is spread over devices leave their output on their own device


def head(policy: Policy, rows: Tensor) -> Tensor:
    """Return logits (n, v) of rows (n, d) of `final`, computed by the model's own head, soft caps and scales included."""
    output = BaseModelOutputWithPast(last_hidden_state=rows[None])  # pyright: ignore[reportArgumentType]  typed as a FloatTensor there
    dummy = torch.zeros(1, 1, dtype=torch.long, device=policy.device)
    with returning(policy.model.get_decoder(), output):
        return policy.model(input_ids=dummy, use_cache=False).logits[0]


def logits(
    policy: Policy, batch: Batch, *, reference: bool = False, edits: Mapping[int, Callable[[Tensor], Tensor]] | None = None
) -> Tensor:
    """Return all logits (b, t, v) of the whole model."""
    with edited(policy.layers, edits or {}):
        output = _call(policy, _inputs(batch), reference=reference).logits
    assert output is not None
    return output


def _inputs(batch: Batch) -> dict[str, object]:
    attention = {} if batch.attention is None else {"attention_mask": batch.attention}
    return {"input_ids": batch.input_ids, "use_cache": False, **attention}


def _call(policy: Policy, inputs: dict[str, object], *, reference: bool) -> CausalLMOutputWithPast:
    with suppress(_ReachedError):
        if reference:
            return functional_call(policy.model, dict(policy.frozen), (), inputs)
        return policy.model(**inputs)
    return CausalLMOutputWithPast()  # left early: the hidden states have been captured


@contextmanager
def _skipped(layers: Sequence[nn.Module] | nn.ModuleList, entry: Tensor | None) -> Iterator[None]:
    """Let each of the layers return `entry` instead of running."""
    with ExitStack() as stack:
        for layer in layers:
            stack.enter_context(returning(layer, entry))
        yield


@contextmanager
def returning(module: nn.Module, output: object) -> Iterator[None]:
    """Let the module return `output` instead of running."""
    with forward_replaced(module, lambda *_, **__: output):
        yield


@contextmanager
def _stop_before(module: nn.Module) -> Iterator[None]:
    """Leave the model before the module runs."""

    def leave(*_: object, **__: object) -> None:
        raise _ReachedError

    with forward_replaced(module, leave):
        yield


@contextmanager
def forward_replaced(module: nn.Module, function: Callable[..., object]) -> Iterator[None]:
    """Replace the module's forward by a function; its name, tensors and attributes stay."""
    before = vars(module).get("forward")  # libraries that place a model on several devices also set one
    module.forward = function
    try:
        yield
    finally:
        if before is None:
            del module.forward
        else:
            module.forward = before


@contextmanager
def _stop_after(module: nn.Module) -> Iterator[list[Tensor]]:
    """Capture the last hidden state of the module's output and leave the model after it."""
    captured: list[Tensor] = []

    def capture(_module: nn.Module, _inputs: object, output: BaseModelOutputWithPast) -> None:
        assert output.last_hidden_state is not None
        captured.append(output.last_hidden_state)
        raise _ReachedError

    handle = module.register_forward_hook(capture)
    try:
        yield captured
    finally:
        handle.remove()


@contextmanager
def edited(layers: nn.ModuleList, edits: Mapping[int, Callable[[Tensor], Tensor]]) -> Iterator[None]:
    """Apply each edit to its layer's hidden states, before hooks that are registered later; what follows reads the result."""
    with ExitStack() as stack:
        for number, edit in edits.items():
            handle = layers[number].register_forward_hook(partial(_edit, edit))
            stack.callback(handle.remove)
        yield


@contextmanager
def _captured(module: nn.Module) -> Iterator[list[Tensor]]:
    """Capture the module's hidden states."""
    captured: list[Tensor] = []

    def capture(hidden: Tensor) -> Tensor:
        captured.append(hidden)
        return hidden

    handle = module.register_forward_hook(partial(_edit, capture))
    try:
        yield captured
    finally:
        handle.remove()


def _edit(
    edit: Callable[[Tensor], Tensor], _module: nn.Module, _inputs: object, output: Tensor | tuple[Tensor, ...]
) -> Tensor | tuple[Tensor, ...]:
    return (edit(output[0]), *output[1:]) if isinstance(output, tuple) else edit(output)
