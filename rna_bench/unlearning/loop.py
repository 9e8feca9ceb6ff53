"""The training loop: topics in turn, one joint step of forget and weighted retain loss."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import torch
from torch import Tensor

from rna_bench.data.corpora import TopicBatches
from rna_bench.models.noise import Noise, hidden_rms
from rna_bench.models.passes import Augmentation, Passes, Policy, reference_hidden_at
from rna_bench.schema import Checkpoint, InputError, Score, StepLoss, finite
from rna_bench.seeds import generator


class Method(Protocol):
    """A forget loss. `layer` is how deep its passes run; `target` is what it holds fixed from a topic's first step on."""

    @property
    def layer(self) -> int: ...
    def target(self, first: Passes, generator: torch.Generator) -> Tensor: ...
    def forget_loss(self, passes: Passes, target: Tensor) -> Tensor: ...


class RetainLoss(Protocol):
    """A retain loss."""

    def retain_loss(self, passes: Passes) -> Tensor: ...


@dataclass(frozen=True)
class Train:
    """How to train. `parameters` is a regular expression matched against the whole name of a tensor.

    The optimiser is AdamW with the betas, epsilon and decay given; no gradient clipping and no schedule.
    """

    steps: int
    lr: float
    batch_size: int
    max_tokens: int
    retain_weight: float
    parameters: str
    betas: list[float]
    eps: float
    weight_decay: float

    def __post_init__(self) -> None:
        for key in ("steps", "lr", "batch_size", "max_tokens"):
            value = vars(self)[key]
            if not 0 < value < math.inf:
                raise InputError(f"train.{key}", value, "give a number above 0")
        for key in ("retain_weight", "eps", "weight_decay"):
            value = vars(self)[key]
            if not 0 <= value < math.inf:
                raise InputError(f"train.{key}", value, "give 0 or more")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise InputError("train.betas", self.betas, "give two numbers from 0 to below 1")


@dataclass(frozen=True)
class Recipe:
    """All that makes an unlearning run, but the model and the text."""

    method: Method
    retain: RetainLoss
    noise: Noise
    train: Train
    seed: int


@dataclass
class History:
    """What happened: losses by step, scores along the run, the noise in both units, and why it stopped early, if it did."""

    losses: list[StepLoss] = field(default_factory=list)
    trajectory: list[Checkpoint] = field(default_factory=list)
    facts: dict[str, float] = field(default_factory=dict)
    diverged: str = ""


Watch: TypeAlias = Callable[[int], tuple[Score, ...] | None]
"""Called before the first step (0) and after each (1, 2, ...); returns scores when it is time to look."""


def unlearn(
    policy: Policy, topics: Sequence[TopicBatches], recipe: Recipe, watch: Watch, progress: Callable[[StepLoss], None]
) -> History:
    """Train the policy in place and return what happened. A loss that is not finite stops the run before its update."""
    history = History()
    rms = _reference_rms(policy, topics, recipe.noise.layer)
    scale = recipe.noise.absolute(rms)
    history.facts |= {"hidden_rms": rms, "noise_absolute": scale, "noise_rms": scale / rms if scale else 0.0}
    train = recipe.train
    optimizer = torch.optim.AdamW(
        policy.trained.values(), lr=train.lr, betas=(train.betas[0], train.betas[1]), eps=train.eps, weight_decay=train.weight_decay
    )
    targets = _targets(policy, topics, recipe)
    _look(history, 0, policy, topics, recipe, targets, watch)
    for step in range(train.steps):
        topic = topics[step % len(topics)]
        passes = _passes(policy, topic, step // len(topics), recipe, scale, step)
        forget = recipe.method.forget_loss(passes, targets[topic.name])
        retain = recipe.retain.retain_loss(passes)
        values = forget.item(), retain.item()
        history.losses.append(StepLoss(step, topic.name, finite(values[0]), finite(values[1])))
        progress(history.losses[-1])
        if not math.isfinite(sum(values)):
            history.diverged = f"the loss of step {step} is not finite (forget {values[0]}, retain {values[1]})"
            return history
        optimizer.zero_grad()
        (forget + train.retain_weight * retain).backward()
        optimizer.step()
        _look(history, step + 1, policy, topics, recipe, targets, watch)
        if history.diverged:
            break
    return history


def _passes(policy: Policy, topic: TopicBatches, index: int, recipe: Recipe, scale: float, step: int) -> Passes:
    augmentation = Augmentation(scale, recipe.noise.layer, generator(policy.device, recipe.seed, "noise", step))
    return Passes(policy, recipe.method.layer, topic.forget(index), topic.retain(index), augmentation)


@torch.no_grad()
def _targets(policy: Policy, topics: Sequence[TopicBatches], recipe: Recipe) -> dict[str, Tensor]:
    """Return each topic's target, from its first batch and the model as it was.

    Deviation: the released code makes the second topic's target after one update of the first.
    """
    sources = {topic.name: generator(policy.device, recipe.seed, "target", topic.name) for topic in topics}
    return {t.name: recipe.method.target(_passes(policy, t, 0, recipe, 0.0, 0), sources[t.name]) for t in topics}


@torch.no_grad()
def _look(
    history: History,
    step: int,
    policy: Policy,
    topics: Sequence[TopicBatches],
    recipe: Recipe,
    targets: dict[str, Tensor],
    watch: Watch,
) -> None:
    """Add a checkpoint when it is time: scores, and the forget loss on each topic's first batch, the same all along."""
    scores = watch(step)
    if scores is None:
        return
    losses: list[float] = []
    for topic in topics:
        passes = _passes(policy, topic, 0, recipe, 0.0, 0)
        losses.append(recipe.method.forget_loss(passes, targets[topic.name]).item())
    loss = sum(losses) / len(losses)
    history.trajectory.append(Checkpoint(step, finite(loss), scores))
    if not math.isfinite(loss):
        history.diverged = f"the forget loss after step {step} is not finite"


def _reference_rms(policy: Policy, topics: Sequence[TopicBatches], layer: int) -> float:
    """Return the reference's hidden RMS on retain text at the layer: the root of the mean square over first batches."""
    squares = [hidden_rms(*reference_hidden_at(policy, layer, topic.retain(0))) ** 2 for topic in topics]
    return math.sqrt(sum(squares) / len(squares))
