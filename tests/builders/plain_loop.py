"""A plain training loop for methods that others compare with, written from their papers, with no code of the package's losses.

Two whole models, the policy and a frozen copy, every forward pass through all layers with all logits, plain autograd and AdamW.
Only batches and the names of random generators are the package's, so that both read the same texts and draw the same noise.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle
from transformers import PreTrainedModel

from rna_bench.core.seeds import generator
from rna_bench.core.types import Batch
from rna_bench.data.batches import TopicBatches


class Sides(NamedTuple):
    """What a loss reads: the policy, the reference model, one side's batch, and the noise's random numbers of the step."""

    policy: PreTrainedModel
    reference: PreTrainedModel
    batch: Batch
    noise: torch.Generator


@dataclass(frozen=True)
class PlainLoop:
    """`forget` and `retain` are losses; `weights` are those of both at step t of T; `radius` is SAM's, and 0 is no SAM."""

    forget: Callable[[Sides], Tensor]
    retain: Callable[[Sides], Tensor] | None
    weights: Callable[[int, int], tuple[float, float]]
    lr: float
    radius: float = 0.0

    def run(self, policy: PreTrainedModel, reference: PreTrainedModel, topics: Sequence[TopicBatches], steps: int):
        """Train the policy's tensors that require a gradient; return unweighted forget and retain loss of each step."""
        trained = [one for one in policy.parameters() if one.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=self.lr, weight_decay=0.0)
        losses = []
        for step in range(steps):
            topic, index = topics[step % len(topics)], step // len(topics)
            source = generator("cpu", 0, "noise", step)
            sides = [Sides(policy, reference, side(index), source) for side in (topic.forget, topic.retain)]
            c_forget, c_retain = self.weights(step + 1, steps)
            gradients, forget = self._forget_gradients(trained, sides[0])
            retain = self.retain(sides[1]) if self.retain else torch.zeros(())
            if self.retain:
                added = torch.autograd.grad(retain, trained, allow_unused=True, materialize_grads=True)
                gradients = [c_forget * g + c_retain * h for g, h in zip(gradients, added, strict=True)]
            else:
                gradients = [c_forget * g for g in gradients]
            for one, gradient in zip(trained, gradients, strict=True):
                one.grad = gradient
            optimizer.step()
            losses.append((forget, retain.item()))
        return losses

    def _forget_gradients(self, trained: Sequence[Tensor], sides: Sides) -> tuple[list[Tensor], float]:
        loss = self.forget(sides)
        gradients = list(torch.autograd.grad(loss, trained, allow_unused=True, materialize_grads=True))
        if not self.radius:
            return gradients, loss.item()
        length = torch.cat([gradient.flatten() for gradient in gradients]).norm()
        elsewhere = deepcopy(sides.policy)
        own = [one for one in elsewhere.parameters() if one.requires_grad]
        with torch.no_grad():
            for one, gradient in zip(own, gradients, strict=True):
                one += self.radius * gradient / length
        loss = self.forget(sides._replace(policy=elsewhere))
        return list(torch.autograd.grad(loss, own, allow_unused=True, materialize_grads=True)), loss.item()


def states(model: PreTrainedModel, batch: Batch, layer: int) -> Tensor:
    """Hidden states (b, t, d) at the output of a layer that is not the last."""
    return model(input_ids=batch.input_ids, attention_mask=batch.mask, output_hidden_states=True).hidden_states[layer + 1]


def log_likelihoods(model: PreTrainedModel, batch: Batch) -> Tensor:
    """log p of each token but the first, (b, t - 1)."""
    logits = model(input_ids=batch.input_ids, attention_mask=batch.mask).logits[:, :-1]
    return logits.log_softmax(-1).gather(-1, batch.input_ids[:, 1:, None])[..., 0]


def cross_entropy(sides: Sides) -> Tensor:
    """Mean of -log p over the labels."""
    return -log_likelihoods(sides.policy, sides.batch)[sides.batch.label_mask[:, 1:].bool()].mean()


def npo(beta: float) -> Callable[[Sides], Tensor]:
    """NPO's loss (arXiv 2404.05868, eq. 3), on the likelihoods of whole sequences."""

    def loss(sides: Sides) -> Tensor:
        counted = sides.batch.label_mask[:, 1:]
        policy, reference = ((log_likelihoods(model, sides.batch) * counted).sum(1) for model in (sides.policy, sides.reference))
        return (2 / beta * F.softplus(beta * (policy - reference.detach()))).mean()  # 2 / beta log(1 + (p / p_ref)^beta)

    return loss


def rerouting(*layers: int) -> Callable[[Sides], Tensor]:
    """relu of the cosine between policy's and reference's states (arXiv 2406.04313, algorithm 1), over layers and tokens."""

    def loss(sides: Sides) -> Tensor:
        values = []
        for layer in layers:
            policy, reference = (states(model, sides.batch, layer) for model in (sides.policy, sides.reference))
            unit = policy / policy.norm(dim=-1, keepdim=True) * (reference / reference.norm(dim=-1, keepdim=True)).detach()
            values.append(unit.sum(-1).clamp(min=0)[sides.batch.mask.bool()].mean())
        return torch.stack(values).mean()

    return loss


def moved(policy: PreTrainedModel, layer: int, move: Tensor) -> RemovableHandle:
    """Add the move to what the MLP of a layer gives to the residual stream, as the released code of arXiv 2407.15549 does."""
    return policy.model.layers[layer].mlp.register_forward_hook(lambda _module, _inputs, output: output + move)


def latent_move(sides: Sides, layer: int, radius: float, steps: int, lr: float) -> Tensor:
    """Projected gradient descent of AdamW on -log p of the batch's labels, token by token within the radius."""
    counted = sides.batch.mask.bool()[..., None]
    move = torch.zeros(*sides.batch.mask.shape, sides.policy.config.hidden_size)
    first, second = torch.zeros_like(move), torch.zeros_like(move)
    for t in range(1, steps + 1):
        at = move.clone().requires_grad_()
        handle = moved(sides.policy, layer, at)
        (gradient,) = torch.autograd.grad((-log_likelihoods(sides.policy, sides.batch) * sides.batch.label_mask[:, 1:]).sum(), at)
        handle.remove()
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        move = move * (1 - lr * 0.01) - lr * (first / (1 - 0.9**t)) / ((second / (1 - 0.999**t)).sqrt() + 1e-8)
        length = move.norm(dim=-1, keepdim=True)
        move = torch.where(length > radius, move * radius / length, move)
    return move * counted


def rmu_lat(vector: Tensor, layer: int, adversary: tuple[int, float, int, float]) -> Callable[[Sides], Tensor]:
    """RMU's forget loss (arXiv 2403.03218, eq. 1) under the latent move of arXiv 2407.15549."""

    def loss(sides: Sides) -> Tensor:
        handle = moved(sides.policy, adversary[0], latent_move(sides, *adversary))
        square = (states(sides.policy, sides.batch, layer) - vector).square().mean(-1)
        handle.remove()
        return square[sides.batch.mask.bool()].mean()

    return loss


def squared_distance(layer: int, scale: float) -> Callable[[Sides], Tensor]:
    """RMU's retain loss (arXiv 2403.03218, eq. 2); RNA's noise is added to the reference's states."""

    def loss(sides: Sides) -> Tensor:
        policy, reference = (states(model, sides.batch, layer) for model in (sides.policy, sides.reference))
        noise = scale * torch.randn(reference.shape, generator=sides.noise) if scale else 0.0
        return (policy - reference.detach() - noise).square().mean(-1)[sides.batch.mask.bool()].mean()

    return loss


def distance(*layers: int, noised: int, scale: float) -> Callable[[Sides], Tensor]:
    """The L2 norm between policy's and reference's states, noise being added to the latter at one layer, which is the highest."""

    def loss(sides: Sides) -> Tensor:
        values = []
        for layer in layers:
            policy, reference = (states(model, sides.batch, layer) for model in (sides.policy, sides.reference))
            if layer == noised and scale:
                reference = reference + scale * torch.randn(reference.shape, generator=sides.noise)
            values.append((policy - reference.detach()).square().sum(-1).sqrt()[sides.batch.mask.bool()].mean())
        return torch.stack(values).mean()

    return loss
