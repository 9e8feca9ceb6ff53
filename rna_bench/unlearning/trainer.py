"""The training loop: topics in turn, one joint step of forget and weighted retain loss."""

import math
from collections.abc import Mapping, Sequence

import torch

from rna_bench.core.seeds import generator
from rna_bench.core.types import EvalPoint, StepLoss, finite
from rna_bench.data.batches import TopicBatches
from rna_bench.models.segments import Policy
from rna_bench.models.store import NULL_STORE, Store
from rna_bench.unlearning.checked_losses import forget_loss
from rna_bench.unlearning.config import Steering, UnlearningConfig
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.log import NO_CHECKPOINTER, Checkpointer, Evaluate, Progress, TrainingLog
from rna_bench.unlearning.merging import merge, merged
from rna_bench.unlearning.noise import Side, beyond_first, hidden_norm, hidden_rms
from rna_bench.unlearning.reference import reference_hidden
from rna_bench.unlearning.step import ControlVectors, Trainer, gradients


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
    scales = {layer: recipe.noise.absolute_scale(rms[layer]) for layer in recipe.noise.noised_layers} if recipe.noise else {}
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
        log.losses.append(gradients(trainer, step, control_vectors))
        progress(log.losses[-1])
        if None in (log.losses[-1].forget, log.losses[-1].retain):
            log.diverged = _not_finite(recipe, log.losses[-1])
            break
        optimizer.step()
        _eval_step(log, step + 1, trainer, control_vectors, evaluate, progress)
        if log.diverged:
            break
        checkpointer.after_step(policy, optimizer, log)
    merge(policy, recipe.method)
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
    with merged(trainer.policy, trainer.recipe.method):
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
