"""The only place that runs the transformer while unlearning: as deep as asked for, and only when read."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.func import functional_call
from transformers import PreTrainedModel

from rna_bench.models.noise import gaussian
from rna_bench.schema import Batch, Outputs


class _ReachedError(Exception):
    """The asked-for layer is reached: nothing above it needs to run."""


@dataclass(frozen=True)
class Policy:
    """A model, its decoder layers, the tensors that are trained, and copies of them as they were: the reference model.

    The reference differs from the policy in these tensors alone, so it is the same model run with the copies put in.
    """

    model: PreTrainedModel
    layers: nn.ModuleList
    trained: Mapping[str, nn.Parameter]
    frozen: Mapping[str, Tensor]

    @property
    def device(self) -> torch.device:
        return self.model.device


@dataclass(frozen=True)
class Augmentation:
    """Noise on the reference model's pass over retain inputs: `scale` in absolute units, at the output of `layer`."""

    scale: float
    layer: int
    generator: torch.Generator


@dataclass(frozen=True)
class Passes:
    """The passes of one training step over a forget and a retain batch, each run once, on first reading, up to `layer`.

    Gradients flow through the policy's passes only. RNA acts in `reference_retain` alone.
    """

    policy: Policy
    layer: int
    forget_batch: Batch
    retain_batch: Batch
    augmentation: Augmentation

    @cached_property
    def forget(self) -> Outputs:
        """The policy on forget inputs."""
        return hidden_at(self.policy, self.layer, self.forget_batch)

    @cached_property
    def retain(self) -> Outputs:
        """The policy on retain inputs."""
        return hidden_at(self.policy, self.layer, self.retain_batch)

    @cached_property
    def reference_retain(self) -> Outputs:
        """The reference model on retain inputs, with noise."""
        added = self.augmentation
        with _edited(self.policy.layers[added.layer], lambda h: gaussian(h, added.scale, added.generator)):
            return reference_hidden_at(self.policy, self.layer, self.retain_batch)


def hidden_at(policy: Policy, layer: int, batch: Batch) -> Outputs:
    """Return the policy's hidden states (b, t, d) at the output of `layer` (counted from 0); nothing above it is run.

    No attention mask is passed: padding is on the right, where causal attention keeps it from every real token.
    """
    with _stopped(policy.layers[layer]) as caught:
        policy.model(input_ids=batch.input_ids, use_cache=False)
    return Outputs(caught[0], batch.mask)


@torch.no_grad()
def reference_hidden_at(policy: Policy, layer: int, batch: Batch) -> Outputs:
    """Return the reference model's hidden states, as `hidden_at`, without gradient."""
    with _stopped(policy.layers[layer]) as caught:
        functional_call(policy.model, dict(policy.frozen), (), {"input_ids": batch.input_ids, "use_cache": False})
    return Outputs(caught[0], batch.mask)


@contextmanager
def _stopped(module: nn.Module) -> Iterator[list[Tensor]]:
    """Catch the module's output and stop the model there."""
    caught: list[Tensor] = []

    def catch(_module: nn.Module, _inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
        caught.append(output[0] if isinstance(output, tuple) else output)
        raise _ReachedError

    handle = module.register_forward_hook(catch)
    try:
        with suppress(_ReachedError):
            yield caught
    finally:
        handle.remove()


@contextmanager
def _edited(module: nn.Module, edit: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Apply `edit` to the module's output, before hooks that are registered later see it."""

    def change(_module: nn.Module, _inputs: object, output: Tensor | tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
        return (edit(output[0]), *output[1:]) if isinstance(output, tuple) else edit(output)

    handle = module.register_forward_hook(change)
    try:
        yield
    finally:
        handle.remove()
