"""The training loop: topics in turn, one joint step of forget and weighted retain loss."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from rna_bench.core.seeds import generator
from rna_bench.core.types import Batch, EvalPoint, InputError, Score, StepLoss, finite
from rna_bench.data.batches import TopicBatches, micro_batches
from rna_bench.models.segments import Policy
from rna_bench.models.store import NULL_STORE, Store
from rna_bench.unlearning.config import UnlearningConfig
from rna_bench.unlearning.forward import Augmentation, Passes
from rna_bench.unlearning.noise import beyond_first, hidden_norm, hidden_rms
from rna_bench.unlearning.reference import reference_hidden


@dataclass
class TrainingLog:
    """What happened: losses by step, scores along the run, the noise in both units, and why it stopped early, if it did."""

    losses: list[StepLoss] = field(default_factory=list)
    eval_points: list[EvalPoint] = field(default_factory=list)
    statistics: dict[str, float | None] = field(default_factory=dict)
    diverged: str = ""

    def events(self) -> list[StepLoss | EvalPoint]:
        """Return looks and losses in the order of their steps, as they came: a look after n steps before the loss of step n."""
        return sorted([*self.eval_points, *self.losses], key=lambda event: event.step)


Watch: TypeAlias = Callable[[int], tuple[Score, ...] | None]
"""Called before the first step (0) and after each (1, 2, ...); returns scores when it is time to look."""
Progress: TypeAlias = Callable[[StepLoss | EvalPoint], None]
"""Told of each step's losses and of each look, in their order, and of those that were kept before an interruption, too."""
NO_LABEL = "leaves no token of a batch to learn from; raise it"
ControlVectors: TypeAlias = dict[str, Tensor | None]


class Keeper(Protocol):
    """What keeps the state of training, so that it can go on after an interruption.

    `restore` puts back what was kept, if anything was, and returns its history; `after_step` may keep what there is now.
    """

    def restore(self, policy: Policy, optimizer: torch.optim.Optimizer) -> TrainingLog | None: ...
    def after_step(self, policy: Policy, optimizer: torch.optim.Optimizer, history: TrainingLog) -> None: ...


@dataclass(frozen=True)
class NoCheckpointer:
    """Keeps nothing."""

    def restore(self, policy: Policy, optimizer: torch.optim.Optimizer) -> None:
        """Return that there is nothing."""

    def after_step(self, policy: Policy, optimizer: torch.optim.Optimizer, history: TrainingLog) -> None:
        """Keep nothing."""


NO_CHECKPOINTER = NoCheckpointer()


@dataclass(frozen=True)
class Trainer:
    """What stays the same from step to step."""

    policy: Policy
    topics: Sequence[TopicBatches]
    recipe: UnlearningConfig
    scale: float
    store: Store

    def passes(self, topic: TopicBatches, index: int, scale: float, step: int, count: int, *, capture: bool = False) -> "Step":
        """Return the passes of batch number `index` of a topic, in `count` micro-batches, with the noise of a step."""
        recipe = self.recipe
        noise = Augmentation(scale, recipe.noise.layer, generator(self.policy.device, recipe.seed, "noise", step))
        forget, retain = topic.forget(index), topic.retain(index)
        layer = recipe.of(topic.name).method.layer
        if layer is None and not forget.label_mask.any():
            raise InputError("train.max_tokens", recipe.of(topic.name).train.max_tokens, NO_LABEL)
        if recipe.retain.reads_logits and not retain.label_mask.any():
            raise InputError("train.retain_max_tokens", recipe.of(topic.name).train.retain_max_tokens, NO_LABEL)
        pieces = zip(micro_batches(forget, count), micro_batches(retain, count), strict=True)
        return Step(
            forget,
            retain,
            [
                Passes(self.policy, layer, f, r, partial(self._preferred, topic, index, i, count), noise, self.store, capture)
                for i, (f, r) in enumerate(pieces)
            ],
        )

    def first(self, topic: TopicBatches) -> Passes:
        """Return the passes of a topic's first batch, without noise."""
        return self.passes(topic, 0, 0.0, 0, 1, capture=True).passes[0]

    def _preferred(self, topic: TopicBatches, index: int, piece: int, count: int) -> Batch:
        return list(micro_batches(topic.forget.with_answers(index, self.recipe.train.refusals), count))[piece]


@dataclass(frozen=True)
class Step:
    """A step's whole batches, and the passes over its micro-batches."""

    forget: Batch
    retain: Batch
    passes: Sequence[Passes]


def unlearn(
    policy: Policy,
    topics: Sequence[TopicBatches],
    recipe: UnlearningConfig,
    watch: Watch,
    progress: Progress,
    store: Store = NULL_STORE,
    keeper: Keeper = NO_CHECKPOINTER,
) -> TrainingLog:
    """Train the policy in place and return what happened. A loss that is not finite stops the run before its update.

    Training goes on from what the keeper has, to the bit; the policy comes untrained either way.
    """
    rms = _reference_rms(policy, topics, recipe.noise.layer, store)
    trainer = Trainer(policy, topics, recipe, recipe.noise.absolute(rms), store)
    optimizer = recipe.optimizer.make(policy.trained.values(), recipe.train.lr)
    control_vectors = _control_vectors(trainer)  # of the model as it was: before the keeper puts trained tensors in
    history = keeper.restore(policy, optimizer)
    if history:
        for event in history.events():
            progress(event)
    else:
        history = TrainingLog(statistics=_statistics(trainer, rms))
        _look(history, 0, trainer, control_vectors, watch, progress)
    for step in range(len(history.losses), recipe.train.steps):
        optimizer.zero_grad()
        history.losses.append(_gradients(trainer, step, control_vectors))
        progress(history.losses[-1])
        if None in (history.losses[-1].forget, history.losses[-1].retain):
            history.diverged = f"the loss of step {step} is not finite"
            break
        optimizer.step()
        _look(history, step + 1, trainer, control_vectors, watch, progress)
        if history.diverged:
            break
        keeper.after_step(policy, optimizer, history)
    return history


def _statistics(trainer: Trainer, rms: float) -> dict[str, float | None]:
    statistics = {"hidden_rms": rms, "noise_absolute": trainer.scale, "noise_rms": trainer.scale / rms if trainer.scale else 0.0}
    return {name: finite(value) for name, value in statistics.items()}


def _gradients(trainer: Trainer, step: int, control_vectors: ControlVectors) -> StepLoss:
    """Add up the gradient of forget + weight * retain over the step's micro-batches, and return both losses.

    The forget side is done with before the retain side begins: its activations are given back first.
    """
    topic = trainer.topics[step % len(trainer.topics)]
    own = trainer.recipe.of(topic.name)
    batch = trainer.passes(topic, step // len(trainer.topics), trainer.scale, step, trainer.recipe.train.micro_batches)
    forget_sum = retain_sum = 0.0
    for passes in batch.passes:
        micro_batch_weight = own.method.micro_batch_weight(passes.forget_batch, batch.forget)
        forget = micro_batch_weight * own.method.forget_loss(passes, control_vectors[topic.name])
        forget.backward()
        retain = trainer.recipe.retain.micro_batch_weight(passes.retain_batch, batch.retain) * trainer.recipe.retain.retain_loss(
            passes
        )
        (own.train.retain_weight * retain).backward()
        forget_sum, retain_sum = forget_sum + forget.item(), retain_sum + retain.item()
    return StepLoss(step, topic.name, finite(forget_sum), finite(retain_sum))


@torch.no_grad()
def _control_vectors(trainer: Trainer) -> ControlVectors:
    """Return each topic's target, from its first batch and the model as it was.

    Deviation: the released code makes the second topic's target after one update of the first.
    """
    device, seed = trainer.policy.device, trainer.recipe.seed
    return {
        topic.name: trainer.recipe.of(topic.name).method.control_vector(
            trainer.first(topic), generator(device, seed, "target", topic.name)
        )
        for topic in trainer.topics
    }


@torch.no_grad()
def _look(
    history: TrainingLog, step: int, trainer: Trainer, control_vectors: ControlVectors, watch: Watch, progress: Progress
) -> None:
    """Add a checkpoint when it is time: scores, and forget loss and hidden norms on each topic's first batches."""
    scores = watch(step)
    if scores is None:
        return
    losses, norms = [], {}
    for topic in trainer.topics:
        first = trainer.first(topic)
        losses.append(trainer.recipe.of(topic.name).method.forget_loss(first, control_vectors[topic.name]).item())
        norms |= {topic.name: _norm(first, first.forget_batch), f"retain/{topic.name}": _norm(first, first.retain_batch)}
    loss = sum(losses) / len(losses)
    history.eval_points.append(EvalPoint(step, finite(loss), scores, norms))
    progress(history.eval_points[-1])
    if not math.isfinite(loss):
        history.diverged = f"the forget loss after step {step} is not finite"


def _norm(first: Passes, batch: Batch) -> float | None:
    return finite(hidden_norm(first.seen(batch), beyond_first(batch)))


def _reference_rms(policy: Policy, topics: Sequence[TopicBatches], layer: int, store: Store) -> float:
    """Return the reference's hidden RMS on retain text at the layer: the root of the mean square over first batches."""
    first = [topic.retain(0) for topic in topics]
    squares = [hidden_rms(reference_hidden(policy, batch, layer, store), beyond_first(batch)) ** 2 for batch in first]
    return math.sqrt(sum(squares) / len(squares))
