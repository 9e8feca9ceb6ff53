"""A naive training loop, written from the formulas, that works as the released code of arXiv 2501.19202 does.

Two full models, the policy and a frozen deep copy; every forward pass goes through all layers and makes all logits, and a hook
keeps the hidden state of the steered layer; every tensor requires a gradient, and all gradients are computed that a loss
reaches; forget and weighted retain loss go back together; the optimiser has the trained tensors alone, and clears theirs alone.
It is compared with rna_bench on the same batches and draws, and shares none of its code but the optimiser, the random
generators' names and the settings of the comparison.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from rna_bench.core.seeds import generator
from rna_bench.core.types import Batch
from rna_bench.data.batches import TopicBatches
from tests.benchmarks.common import BETA, COEFFICIENT, LAYER, OPTIMIZER, RATE, SEED, TRAINED, WEIGHT, Losses


class Naive:
    """RMU (kind "rm") or NPO + KL (kind "po"), with noise of standard deviation `nu`."""

    def __init__(self, kind: str, model: PreTrainedModel, nu: float) -> None:
        self.policy, self.reference = model.requires_grad_(True), deepcopy(model)
        self.kind, self.nu = kind, nu
        self.trained = {name: p for name, p in model.named_parameters() if re.fullmatch(TRAINED, name)}
        self.optimizer = OPTIMIZER.make(self.trained.values(), RATE[kind])
        self.control = COEFFICIENT * self._direction(model.config.hidden_size)

    def step(self, topic: TopicBatches, step: int) -> Losses:
        """Train on one pair of batches, and return the forget and the retain loss."""
        self.optimizer.zero_grad()
        losses = self._rmu if self.kind == "rm" else self._npo
        forget, retain = losses(topic.forget(step), topic.retain(step), generator(self.policy.device, SEED, "noise", step))
        (forget + WEIGHT[self.kind] * retain).backward()
        self.optimizer.step()
        return forget.item(), retain.item()

    @torch.no_grad()
    def restore(self) -> PreTrainedModel:
        """Make the policy what it was, and return it."""
        original = dict(self.reference.named_parameters())
        for name, parameter in self.trained.items():
            parameter.copy_(original[name])
        self.policy.zero_grad()
        return self.policy

    def _rmu(self, forget: Batch, retain: Batch, source: torch.Generator) -> tuple[Tensor, Tensor]:
        """mse(h(updated), c * u) on forget inputs; mse(h(updated), h(frozen) + noise) on retain inputs."""
        updated_forget = self._hidden(self.policy, forget)
        forget_loss = F.mse_loss(updated_forget.float(), self.control.expand(updated_forget.shape))
        updated_retain = self._hidden(self.policy, retain)
        with torch.no_grad():
            frozen = self._hidden(self.reference, retain)
            target = frozen + self._noise(frozen, source)
        return forget_loss, F.mse_loss(updated_retain.float(), target.float())

    def _npo(self, forget: Batch, retain: Batch, source: torch.Generator) -> tuple[Tensor, Tensor]:
        """-(2 / beta) * logsigmoid(beta * (CE - CE_ref)) on forget inputs; KL(ref with noise || updated) on retain inputs."""
        updated = self.policy(input_ids=forget.input_ids, labels=forget.input_ids).loss
        with torch.no_grad():
            reference = self.reference(input_ids=forget.input_ids, labels=forget.input_ids).loss
        forget_loss = -(2 / BETA) * F.logsigmoid(BETA * (updated - reference))
        logits = self.policy(input_ids=retain.input_ids).logits
        with torch.no_grad(), self._noised(source):
            frozen = self.reference(input_ids=retain.input_ids).logits
        given, expected = (made.float().log_softmax(dim=-1) for made in (logits, frozen))
        divergence = F.kl_div(given, expected, log_target=True, reduction="none").sum(dim=-1)
        return forget_loss, divergence[:, :-1].mean()  # rna_bench leaves out what the last token predicts

    def _hidden(self, model: PreTrainedModel, batch: Batch) -> Tensor:
        """Return the hidden states at the steered layer; the whole model is run."""
        kept: list[Tensor] = []
        handle = model.model.layers[LAYER].register_forward_hook(lambda module, inputs, output: kept.append(_states(output)))
        _ = model(input_ids=batch.input_ids)
        handle.remove()
        return kept[0]

    @contextmanager
    def _noised(self, source: torch.Generator) -> Iterator[None]:
        """Add noise to what leaves the layer in the reference model."""

        def add(module: nn.Module, inputs: object, output: Tensor | tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
            noised = _states(output) + self._noise(_states(output), source)
            return (noised, *output[1:]) if isinstance(output, tuple) else noised

        handle = self.reference.model.layers[LAYER].register_forward_hook(add)
        yield
        handle.remove()

    def _noise(self, like: Tensor, source: torch.Generator) -> Tensor:
        return (self.nu * torch.randn(like.shape, generator=source, device=like.device)).to(like.dtype)

    def _direction(self, size: int) -> Tensor:
        device = self.policy.device
        vector = torch.rand(size, generator=generator(device, SEED, "target", "topic"), device=device)
        return vector / vector.norm()


def _states(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    return output[0] if isinstance(output, tuple) else output
