"""The training loop: topics in turn, one joint step of forget and weighted retain loss."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeAlias

import torch
from torch import Tensor

from rna_bench.core.seeds import generator
from rna_bench.core.types import Batch, EvalPoint, InputError, StepLoss, finite
from rna_bench.data.batches import TopicBatches, micro_batches
from rna_bench.models.segments import Policy
from rna_bench.models.store import NULL_STORE, Store
from rna_bench.unlearning.checked_losses import forget_loss, retain_loss
from rna_bench.unlearning.config import Steering, UnlearningConfig
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.log import NO_CHECKPOINTER, Checkpointer, Evaluate, Progress, TrainingLog
from rna_bench.unlearning.losses import micro_batch_weight
from rna_bench.unlearning.noise import NO_NOISE, NoiseDraw, Side, beyond_first, hidden_norm, hidden_rms
from rna_bench.unlearning.reference import CleanStates, reference_hidden

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

    def mean(self, side: Side, noised: Side | None, loss: Callable[[Passes], Tensor]) -> Tensor:
        """Return the loss; on the side that has noise, its mean over the draws."""
        draws = self.passes if side is noised else self.passes[:1]
        return torch.stack([loss(passes) for passes in draws]).mean() if len(draws) > 1 else loss(draws[0])


def unlearn(
    policy: Policy,
    topics: Sequence[TopicBatches],
    recipe: UnlearningConfig,
    evaluate: Evaluate,
    progress: Progress,
    store: Store = NULL_STORE,
    checkpointer: Checkpointer = NO_CHECKPOINTER,
) -> TrainingLog:
    """Train the policy in place and return what happened. A loss that is not finite stops the run before its update.

    If the checkpointer has a state, training continues from it with the same result to the bit; the policy must be untrained.
    """
    logged = recipe.method.layer if recipe.method.layer is not None else policy.last
    rms = _reference_rms(policy, topics, recipe, logged, store)
    noise = recipe.noise
    scales = {layer: noise.absolute_scale(rms[layer]) for layer in noise.noised_layers} if noise else {}
    trainer = Trainer(policy, topics, recipe, scales, logged, store)
    optimizer = recipe.optimizer.make(policy.trained.values(), recipe.train.lr)
    control_vectors = _control_vectors(trainer)  # from the untrained model, so before a saved state is restored
    log = checkpointer.restore(policy, optimizer)
    if log:
        for event in log.events():
            progress(event)
    else:
        log = TrainingLog(statistics=_statistics(trainer, rms))
        _eval_step(log, 0, trainer, control_vectors, evaluate, progress)
    for step in range(len(log.losses), recipe.train.steps):
        optimizer.zero_grad()
        log.losses.append(_gradients(trainer, step, control_vectors))
        progress(log.losses[-1])
        if None in (log.losses[-1].forget, log.losses[-1].retain):
            log.diverged = _not_finite(recipe, log.losses[-1])
            break
        optimizer.step()
        _eval_step(log, step + 1, trainer, control_vectors, evaluate, progress)
        if log.diverged:
            break
        checkpointer.after_step(policy, optimizer, log)
    return log


def _not_finite(recipe: UnlearningConfig, loss: StepLoss) -> str:
    """Return why training stops, with the class of the loss that is not finite."""
    side, owner = ("forget", recipe.of(loss.topic).method) if loss.forget is None else ("retain", recipe.retain)
    before = ", before any update" if loss.step == 0 else ""
    return f"the {side} loss ({type(owner).__name__}) of step {loss.step} is not finite{before}"


def _statistics(trainer: Trainer, rms: Mapping[int, float]) -> dict[str, float | None]:
    """Return the reference's hidden RMS and the noise's standard deviation in both units, by layer where it has several."""
    statistics = {"hidden_rms": rms[trainer.logged]}
    several = len(trainer.scales) > 1
    for layer, scale in (trainer.scales or {trainer.logged: 0.0}).items():
        at = f"/{layer}" if several else ""
        statistics |= {f"noise_absolute{at}": scale, f"noise_rms{at}": scale / rms[layer] if scale else 0.0}
    return {name: finite(value) for name, value in statistics.items()}


def _gradients(trainer: Trainer, step: int, control_vectors: ControlVectors) -> StepLoss:
    """Add up the gradient of forget + weight * retain over the step's micro-batches, and return both losses.

    The forget side's gradient comes first, so that its activations are freed before the retain side runs.
    """
    topic, recipe = trainer.topics[step % len(trainer.topics)].name, trainer.recipe
    own, loss, noised = recipe.of(topic), recipe.retain, recipe.noise.side if recipe.noise else None
    forget_sum = retain_sum = 0.0
    for micro in trainer.step(step):
        part, (whole_forget, whole_retain) = micro.passes[0], micro.whole
        weight = micro_batch_weight(own.method.mean_over, part.forget_batch, whole_forget)
        forget = weight * micro.mean(Side.forget, noised, lambda passes: forget_loss(own.method, passes, control_vectors[topic]))
        forget.backward()
        forget_sum += forget.item()
        if loss:
            weight = micro_batch_weight(loss.mean_over, part.retain_batch, whole_retain)
            retain = weight * micro.mean(Side.retain, noised, partial(retain_loss, loss))
            (own.train.retain_weight * retain).backward()
            retain_sum += retain.item()
    return StepLoss(step, topic, finite(forget_sum), finite(retain_sum))


@torch.no_grad()
def _control_vectors(trainer: Trainer) -> ControlVectors:
    """Return each topic's control vector, from its first batch and the untrained model; None for a method that does not steer.

    Deviation: the released code makes the second topic's after one update of the first.
    """
    device, seed, recipe = trainer.policy.device, trainer.recipe.seed, trainer.recipe
    methods = ((topic, recipe.of(topic.name).method) for topic in trainer.topics)
    return {
        topic.name: method.control_vector(trainer.first(topic), generator(device, seed, "target", topic.name))
        if isinstance(method, Steering)
        else None
        for topic, method in methods
    }


@torch.no_grad()
def _eval_step(
    log: TrainingLog, step: int, trainer: Trainer, control_vectors: ControlVectors, evaluate: Evaluate, progress: Progress
) -> None:
    """Add an eval point where one is due: scores, and forget loss and hidden norms on each topic's first batches."""
    scores = evaluate(step)
    if scores is None:
        return
    losses, norms = [], {}
    for topic in trainer.topics:
        first = trainer.first(topic)
        losses.append(forget_loss(trainer.recipe.of(topic.name).method, first, control_vectors[topic.name]).item())
        norms |= {topic.name: _norm(first, Side.forget), f"retain/{topic.name}": _norm(first, Side.retain)}
    loss = sum(losses) / len(losses)
    log.eval_points.append(EvalPoint(step, finite(loss), scores, norms))
    progress(log.eval_points[-1])
    if not math.isfinite(loss):
        log.diverged = f"the forget loss after step {step} is not finite"


def _norm(first: Passes, side: Side) -> float | None:
    batch = first.forget_batch if side is Side.forget else first.retain_batch
    return finite(hidden_norm(first.hidden_at(side), beyond_first(batch)))


def _reference_rms(
    policy: Policy, topics: Sequence[TopicBatches], recipe: UnlearningConfig, logged: int, store: Store
) -> dict[int, float]:
    """Return the reference's hidden RMS at each layer with noise, on the noise's side, and at the layer that is logged.

    It is the root of the mean square over topics' first batches.
    """
    noise = recipe.noise
    side = noise.side if noise else Side.retain
    first = [topic.forget(0) if side is Side.forget else topic.retain(0) for topic in topics]

    def rms(layer: int) -> float:
        squares = [hidden_rms(reference_hidden(policy, batch, layer, store), beyond_first(batch)) ** 2 for batch in first]
        return math.sqrt(sum(squares) / len(squares))

    return {layer: rms(layer) for layer in sorted({*(noise.noised_layers if noise else ()), logged})}
