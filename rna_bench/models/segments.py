"""The only place that calls the transformer while unlearning: a run of its layers, or its head alone, on given hidden states.

The model's own code does the work (masks, rotary embeddings, norms, soft caps): layers that shall not run answer with a given
hidden state, and the model is left by an exception where what was asked for is there.
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
    """What was asked for is there: nothing above it needs to run."""


@dataclass(frozen=True)
class Policy:
    """A model, its decoder layers, the tensors that are trained, and copies of them as they were: the reference model.

    The reference differs from the policy in these tensors alone, so it is the same model run with the copies put in.
    `first` is the lowest trained layer: below it both are one function. `unsplittable` says why the model must be run whole; ""
    when it can be cut between layers and before its head.
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
    """Return hidden states (b, t, d) at the output of layer `stop`; nothing above it is run.

    With `entry` (b, t, d), what enters layer `start`, nothing below `start` is run. `edits` change a layer's output.
    """
    with ExitStack() as stack:
        stack.enter_context(_given(policy.layers[:start], entry))
        stack.enter_context(_edited(policy.layers, edits or {}))
        caught = stack.enter_context(_caught(policy.layers[stop], lambda output: output))
        above = policy.layers[stop + 1] if stop + 1 < len(policy.layers) else None
        stack.enter_context(_barred(above) if above else _left_after(policy.model.get_decoder()))
        _call(policy, _inputs(batch), reference=reference)
    return caught[-1].to(policy.device)  # of a model that is spread over devices, layers end on their own


def final(
    policy: Policy,
    batch: Batch,
    *,
    reference: bool = False,
    start: int = 0,
    entry: Tensor | None = None,
    edits: Mapping[int, Callable[[Tensor], Tensor]] | None = None,
) -> Tensor:
    """Return what the head reads: the last layer's hidden states (b, t, d) after the final norm. The head is not run."""
    with (
        _given(policy.layers[:start], entry),
        _edited(policy.layers, edits or {}),
        _left_after(policy.model.get_decoder()) as caught,
    ):
        _call(policy, _inputs(batch), reference=reference)
    return caught[-1].to(policy.device)  # of a model that is spread over devices, layers end on their own


def head(policy: Policy, rows: Tensor) -> Tensor:
    """Return logits (n, v) of rows (n, d) of `final`, by the model's own head with whatever it does to logits."""
    output = BaseModelOutputWithPast(last_hidden_state=rows[None])  # pyright: ignore[reportArgumentType]  typed as a FloatTensor there
    dummy = torch.zeros(1, 1, dtype=torch.long, device=policy.device)
    with answering(policy.model.get_decoder(), output):
        return policy.model(input_ids=dummy, use_cache=False).logits[0]


def logits(
    policy: Policy, batch: Batch, *, reference: bool = False, edits: Mapping[int, Callable[[Tensor], Tensor]] | None = None
) -> Tensor:
    """Return all logits (b, t, v) of the whole model."""
    with _edited(policy.layers, edits or {}):
        made = _call(policy, _inputs(batch), reference=reference).logits
    assert made is not None
    return made


def _inputs(batch: Batch) -> dict[str, object]:
    attention = {} if batch.attention is None else {"attention_mask": batch.attention}
    return {"input_ids": batch.input_ids, "use_cache": False, **attention}


def _call(policy: Policy, inputs: dict[str, object], *, reference: bool) -> CausalLMOutputWithPast:
    with suppress(_ReachedError):
        if reference:
            return functional_call(policy.model, dict(policy.frozen), (), inputs)
        return policy.model(**inputs)
    return CausalLMOutputWithPast()  # left early: what was asked for has been caught


@contextmanager
def _given(layers: Sequence[nn.Module] | nn.ModuleList, entry: Tensor | None) -> Iterator[None]:
    """Let each of the layers answer with `entry`, without running."""
    with ExitStack() as stack:
        for layer in layers:
            stack.enter_context(answering(layer, entry))
        yield


@contextmanager
def answering(module: nn.Module, output: object) -> Iterator[None]:
    """Let the module answer with `output`, without running."""
    with replaced(module, lambda *_, **__: output):
        yield


@contextmanager
def _barred(module: nn.Module) -> Iterator[None]:
    """Leave the model where the module would run."""

    def leave(*_: object, **__: object) -> None:
        raise _ReachedError

    with replaced(module, leave):
        yield


@contextmanager
def replaced(module: nn.Module, function: Callable[..., object]) -> Iterator[None]:
    """Put a function in the place of the module's forward; its name, tensors and attributes stay."""
    before = vars(module).get("forward")  # libraries that place a model on several devices set one, too
    module.forward = function
    try:
        yield
    finally:
        if before is None:
            del module.forward
        else:
            module.forward = before


@contextmanager
def _left_after(module: nn.Module) -> Iterator[list[Tensor]]:
    """Catch the last hidden state in the module's output and leave the model there."""
    caught: list[Tensor] = []

    def catch(_module: nn.Module, _inputs: object, output: BaseModelOutputWithPast) -> None:
        assert output.last_hidden_state is not None
        caught.append(output.last_hidden_state)
        raise _ReachedError

    handle = module.register_forward_hook(catch)
    try:
        yield caught
    finally:
        handle.remove()


@contextmanager
def _edited(layers: nn.ModuleList, edits: Mapping[int, Callable[[Tensor], Tensor]]) -> Iterator[None]:
    """Apply each edit to its layer's output, before hooks that are registered later see it."""
    with ExitStack() as stack:
        for number, edit in edits.items():
            stack.enter_context(_caught(layers[number], edit))
        yield


@contextmanager
def _caught(module: nn.Module, edit: Callable[[Tensor], Tensor]) -> Iterator[list[Tensor]]:
    """Catch the module's hidden states, edited; what follows reads the edited ones."""
    caught: list[Tensor] = []
    handle = module.register_forward_hook(partial(_catch, caught, edit))
    try:
        yield caught
    finally:
        handle.remove()


def _catch(
    caught: list[Tensor],
    edit: Callable[[Tensor], Tensor],
    _module: nn.Module,
    _inputs: object,
    output: Tensor | tuple[Tensor, ...],
) -> Tensor | tuple[Tensor, ...]:
    changed = edit(output[0] if isinstance(output, tuple) else output)
    caught.append(changed)
    return (changed, *output[1:]) if isinstance(output, tuple) else changed
