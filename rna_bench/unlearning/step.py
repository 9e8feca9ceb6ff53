"""One training step: its micro-batches, and the gradient of forget and weighted retain loss."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeAlias

import torch
from torch import Tensor

from rna_bench.core.seeds import generator
from rna_bench.core.types import Batch, InputError, StepLoss, finite
from rna_bench.data.batches import TopicBatches, micro_batches
from rna_bench.models.segments import Policy
from rna_bench.models.store import Store
from rna_bench.unlearning.checked_losses import forget_loss, retain_loss
from rna_bench.unlearning.config import RetainLoss, UnlearningConfig
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import micro_batch_weight
from rna_bench.unlearning.noise import NO_NOISE, Noise, NoiseDraw, Side
from rna_bench.unlearning.protocols import CONSTANT, LossWeights, Scheduled
from rna_bench.unlearning.reference import CleanStates
from rna_bench.unlearning.sharpness import ascent, displaced

NO_LABEL = "leaves no token of a batch to learn from; raise it"
ControlVectors: TypeAlias = dict[str, Tensor | None]


@dataclass(frozen=True)
class Trainer:
    """What stays the same from step to step.

    `scales` are the noise's, in units of the hidden states, by layer; `logged` is the layer whose hidden norms eval points report.
    """

    policy: Policy
    topics: Sequence[TopicBatches]
    recipe: UnlearningConfig
    scales: Mapping[int, float]
    logged: int
    store: Store

    def step(self, number: int) -> Iterator["MicroBatch"]:
        """Yield the micro-batches of a step, with its draws of noise."""
        topic, index = self.topics[number % len(self.topics)], number // len(self.topics)
        whole = topic.forget(index), topic.retain(index)
        self._check(topic, *whole)
        count, draws = self.recipe.train.micro_batches, self._draws(number)
        for piece, part in enumerate(zip(*(micro_batches(batch, count) for batch in whole), strict=True)):
            yield MicroBatch(self._passes(topic, index, piece, count, part).drawn(draws), whole)

    def first(self, topic: TopicBatches) -> Passes:
        """Return the passes of a topic's first batch, without noise."""
        batches = topic.forget(0), topic.retain(0)
        self._check(topic, *batches)
        return self._passes(topic, 0, 0, 1, batches, capture=True)

    def _passes(
        self, topic: TopicBatches, index: int, piece: int, count: int, part: tuple[Batch, Batch], *, capture: bool = False
    ) -> Passes:
        answered = cache(partial(self._answered, topic, index, piece, count))
        layer = self.recipe.of(topic.name).method.layer
        clean = CleanStates(self.policy, self.store, self.recipe.train.reference_attention)
        return Passes(self.policy, layer, self.logged, *part, answered, NO_NOISE, clean, capture)

    def _draws(self, step: int) -> list[NoiseDraw]:
        """Return a step's draws of noise. The micro-batches of a step continue the same streams one after the other."""
        noise, device, seed = self.recipe.noise, self.policy.device, self.recipe.seed
        if noise is None:
            return [NO_NOISE]
        streams = (generator(device, seed, "noise", step, *noise.stream(draw)) for draw in range(noise.draws))
        return [NoiseDraw(noise, self.scales, draw, stream) for draw, stream in enumerate(streams)]

    def _check(self, topic: TopicBatches, forget: Batch, retain: Batch) -> None:
        """Raise InputError for a batch without a label where a loss on likelihoods reads it."""
        own, loss = self.recipe.of(topic.name), self.recipe.retain
        if own.method.layer is None and not forget.label_mask.any():
            raise InputError("train.max_tokens", own.train.max_tokens, NO_LABEL)
        if loss and loss.reads_logits and not retain.label_mask.any():
            raise InputError("train.retain_max_tokens", own.train.retain_max_tokens, NO_LABEL)

    def _answered(self, topic: TopicBatches, index: int, piece: int, count: int, answers: tuple[str, ...], anew: bool) -> Batch:
        return list(micro_batches(topic.forget.with_answers(index, answers, anew=anew), count))[piece]


@dataclass(frozen=True)
class MicroBatch:
    """The passes over one part of a step's batches, one for each draw of the noise, and the whole batches."""

    passes: Sequence[Passes]
    whole: tuple[Batch, Batch]

    def mean(self, side: Side, noise: Noise | None, loss: Callable[[Passes], Tensor]) -> Tensor:
        """Return the loss; on the side that has noise, its mean over the draws."""
        draws = self.passes if noise and side is noise.side else self.passes[:1]
        return torch.stack([loss(passes) for passes in draws]).mean() if len(draws) > 1 else loss(draws[0])


def gradients(trainer: Trainer, step: int, control_vectors: ControlVectors) -> StepLoss:
    """Add up the gradient of forget + weight * retain over the step's micro-batches, and return both losses.

    The forget side's gradient comes first, so that its activations are freed before the retain side runs. With a sharpness radius
    it is taken, and its loss reported, where that loss is nearly the largest within the radius.
    """
    topic, recipe = trainer.topics[step % len(trainer.topics)].name, trainer.recipe
    method, forget_sum, retain_sum = recipe.of(topic).method, 0.0, 0.0
    weights = method.loss_weights((step + 1) / recipe.train.steps) if isinstance(method, Scheduled) else CONSTANT
    trained = list(trainer.policy.trained.values())
    uphill = _uphill(trainer, step, control_vectors) if recipe.train.sharpness_radius else None
    for micro in trainer.step(step):
        with displaced(trained, uphill) if uphill else nullcontext():
            forget_sum += _add_forget(recipe, topic, micro, control_vectors, weights)
        if recipe.retain:
            retain_sum += _add_retain(recipe, topic, micro, recipe.retain, weights)
    return StepLoss(step, topic, finite(forget_sum), finite(retain_sum))


def _uphill(trainer: Trainer, step: int, control_vectors: ControlVectors) -> list[Tensor]:
    """Return the move of the trained tensors, as long as the sharpness radius, along the gradient of the step's forget loss."""
    topic, recipe = trainer.topics[step % len(trainer.topics)].name, trainer.recipe
    for micro in trainer.step(step):
        _add_forget(recipe, topic, micro, control_vectors, CONSTANT)
    return ascent(list(trainer.policy.trained.values()), recipe.train.sharpness_radius)


def _add_forget(
    recipe: UnlearningConfig, topic: str, micro: MicroBatch, control_vectors: ControlVectors, weights: LossWeights
) -> float:
    """Add the gradient of a micro-batch's part of the weighted forget loss, and return that part without its weight."""
    method = recipe.of(topic).method
    weight = micro_batch_weight(method.mean_over, micro.passes[0].forget_batch, micro.whole[0])
    loss = weight * micro.mean(Side.forget, recipe.noise, lambda passes: forget_loss(method, passes, control_vectors[topic]))
    (weights.forget * loss).backward()
    return loss.item()


def _add_retain(recipe: UnlearningConfig, topic: str, micro: MicroBatch, retain: RetainLoss, weights: LossWeights) -> float:
    """Add the gradient of a micro-batch's part of the weighted retain loss, and return that part without its weight."""
    weight = micro_batch_weight(retain.mean_over, micro.passes[0].retain_batch, micro.whole[1])
    loss = weight * micro.mean(Side.retain, recipe.noise, partial(retain_loss, retain))
    (recipe.of(topic).train.retain_weight * weights.retain * loss).backward()
    return loss.item()
