"""All that makes an unlearning run, but the model and the text."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from rna_bench.core.types import Batch, InputError, Padding
from rna_bench.models.architecture import Architecture, tensor_pattern
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.noise import Noise
from rna_bench.unlearning.optimizers import Optimizer


class Method(Protocol):
    """A forget loss. `layer` is where it reads hidden states, None when it reads likelihoods.

    `control_vector` is what a topic holds fixed from its first step on; `micro_batch_weight` is the weight of a micro-batch's loss
    in that of its batch.
    """

    @property
    def layer(self) -> int | None: ...
    def control_vector(self, first: Passes, generator: torch.Generator) -> Tensor | None: ...
    def forget_loss(self, passes: Passes, control_vector: Any) -> Tensor: ...
    def micro_batch_weight(self, part: Batch, whole: Batch) -> float: ...


class RetainLoss(Protocol):
    """A retain loss. `micro_batch_weight` is what a micro-batch's loss weighs in its batch's."""

    @property
    def reads_logits(self) -> bool: ...
    def retain_loss(self, passes: Passes) -> Tensor: ...
    def micro_batch_weight(self, part: Batch, whole: Batch) -> float: ...


@dataclass(frozen=True)
class Train:
    """How to train: no gradient clipping and no schedule.

    `parameters` is a regular expression matched against the whole name of a tensor; `max_tokens` and `retain_max_tokens` cut
    forget and retain texts; `micro_batches` is the number of micro-batches a step's batch is cut into; `refusals` are the
    answers that DPO prefers.
    """

    steps: int
    lr: float
    batch_size: int
    max_tokens: int
    retain_max_tokens: int
    retain_weight: float
    parameters: str
    padding: Padding
    micro_batches: int
    gradient_checkpointing: bool
    refusals: list[str]

    def __post_init__(self) -> None:
        for key in ("steps", "lr", "batch_size", "max_tokens", "retain_max_tokens", "micro_batches"):
            if not 0 < vars(self)[key] < math.inf:
                raise InputError(f"train.{key}", vars(self)[key], "give a number above 0")
        if not 0 <= self.retain_weight < math.inf:
            raise InputError("train.retain_weight", self.retain_weight, "give 0 or more")
        if self.batch_size % self.micro_batches:
            raise InputError("train.micro_batches", self.micro_batches, f"give a divisor of train.batch_size={self.batch_size}")
        tensor_pattern(self.parameters)
        if not self.refusals or not all(map(str.strip, self.refusals)):
            raise InputError("train.refusals", self.refusals, "give at least one answer, and none that is empty")


@dataclass(frozen=True)
class TopicSettings:
    """What one topic has otherwise than `train` and `method` say; None, the same."""

    retain_weight: float | None = None
    max_tokens: int | None = None
    retain_max_tokens: int | None = None
    method: dict[str, Any] | None = None

    def train(self, base: Train) -> Train:
        """Return the training of this topic."""
        own = {key: vars(self)[key] for key in ("retain_weight", "max_tokens", "retain_max_tokens") if vars(self)[key] is not None}
        return replace(base, **own)


@dataclass(frozen=True)
class TopicConfig:
    """A topic's own method and training; steps, batch size, learning rate and tensors are the same for all."""

    method: Method
    train: Train


@dataclass(frozen=True)
class UnlearningConfig:
    """Method, retain loss, noise, training and optimiser; `topics` has those that differ."""

    method: Method
    retain: RetainLoss
    noise: Noise
    train: Train
    optimizer: Optimizer
    topics: Mapping[str, TopicConfig]
    seed: int

    def of(self, topic: str) -> TopicConfig:
        """Return the topic's own method and training."""
        return self.topics.get(topic) or TopicConfig(self.method, self.train)


def check_topics(recipe: UnlearningConfig, known: Sequence[str]) -> None:
    """Raise InputError unless the corpus has every topic that has settings of its own."""
    for name in recipe.topics:
        if name not in known:
            raise InputError(f"topics.{name}", "", f"the corpus has {', '.join(known)}; take it out with ~topics.{name}")


def check_layers(recipe: UnlearningConfig, depth: int, trained: Collection[int], first: int) -> None:
    """Raise InputError unless a model of `depth` layers has every layer named, and losses reach every trained tensor.

    `trained` are the layers with a trained tensor, `first` the lowest that is not the same for policy and reference.
    """
    pattern, layer = recipe.train.parameters, recipe.method.layer
    for method in (recipe.method, *(own.method for own in recipe.topics.values())):
        if method.layer is not None:
            check_layer("method.layer", method.layer, depth)
            if method.layer != layer:
                raise InputError("topics.*.method.layer", method.layer, f"all topics are steered at one layer; give {layer}")
    check_layer("noise.layer", recipe.noise.layer, depth)
    if layer is None:
        return
    above = [number for number in sorted(trained) if number > layer]
    if above and not recipe.retain.reads_logits:
        remedy = f"matches tensors of layer {above[0]}, above method.layer={layer}, which no loss reaches; narrow the pattern"
        raise InputError("train.parameters", pattern, remedy)
    if first > layer:
        raise InputError("train.parameters", pattern, f"matches nothing up to method.layer={layer}; widen the pattern")
    if recipe.noise.scale and recipe.noise.layer > layer and not recipe.retain.reads_logits:
        raise InputError("noise.layer", recipe.noise.layer, f"the loss is taken at layer {layer}; give {layer} or less")


def check_architecture(recipe: UnlearningConfig, architecture: Architecture) -> None:
    """Raise InputError unless a model of that architecture has every layer and tensor named, as a run finds out of the model."""
    pattern = recipe.train.parameters
    owners = {architecture.layer_of(name) for name in architecture.matching(pattern)}
    if not owners:
        remedy = f"matches no tensor of the model; one is called {architecture.decoder}.layers.0.mlp.down_proj.weight"
        raise InputError("train.parameters", pattern, remedy)
    numbers = [number for number in owners if number is not None]
    check_layers(recipe, architecture.layers, numbers, 0 if None in owners else min(numbers))


def check_layer(key: str, layer: int, depth: int) -> None:
    """Raise InputError unless a model of `depth` layers has that layer."""
    if not 0 <= layer < depth:
        raise InputError(key, layer, f"the model has {depth} layers; give 0 to {depth - 1}")
