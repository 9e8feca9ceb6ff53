"""All that makes an unlearning run, but the model and the text."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from rna_bench.core.attention import ReferenceAttention
from rna_bench.core.types import InputError, Padding
from rna_bench.models.architecture import Architecture, check_names, named_layers, parameters_text, tensor_pattern
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import MeanOver
from rna_bench.unlearning.noise import Noise, NoisedModel, Side
from rna_bench.unlearning.optimizers import Optimizer
from rna_bench.unlearning.protocols import Merging


class Method(Protocol):
    """A forget loss. `layer` is where it reads hidden states, None where it reads likelihoods.

    `reads_reference` says whether it reads the reference model on forget inputs; `mean_over` how micro-batches add up.
    """

    @property
    def layer(self) -> int | None: ...
    @property
    def reads_reference(self) -> bool: ...
    @property
    def mean_over(self) -> MeanOver: ...
    def forget_loss(self, passes: Passes, control_vector: Any) -> Tensor: ...


@runtime_checkable
class Steering(Protocol):
    """What a steering method has besides a forget loss: a control vector for each topic, fixed from its first batch on.

    `first` is the passes of that batch (`first.forget.hidden`, `first.width`), `generator` the topic's own.
    """

    def control_vector(self, first: Passes, generator: torch.Generator) -> Tensor: ...


class RetainLoss(Protocol):
    """A retain loss. `reads_logits` says that it reads predictions and no hidden states; the others are `Method`'s."""

    @property
    def reads_logits(self) -> bool: ...
    @property
    def reads_reference(self) -> bool: ...
    @property
    def mean_over(self) -> MeanOver: ...
    def retain_loss(self, passes: Passes) -> Tensor: ...


@dataclass(frozen=True)
class Train:
    """How to train. There is no gradient clipping and no learning-rate schedule.

    `parameters` are the tensors that are trained: a regular expression for whole names, or a list of names with *. Forget texts
    are cut after `max_tokens`, retain texts after `retain_max_tokens`. A step's batch is split into `micro_batches`. With a
    `sharpness_radius` the forget loss is minimised as SAM does (`sharpness.py`).
    """

    steps: int
    lr: float
    batch_size: int
    max_tokens: int
    retain_max_tokens: int
    retain_weight: float
    parameters: Any
    padding: Padding
    micro_batches: int
    gradient_checkpointing: bool
    reference_attention: ReferenceAttention = ReferenceAttention.masked
    sharpness_radius: float = 0.0

    def __post_init__(self) -> None:
        for key in ("steps", "lr", "batch_size", "max_tokens", "retain_max_tokens", "micro_batches"):
            if not 0 < vars(self)[key] < math.inf:
                raise InputError(f"train.{key}", vars(self)[key], "give a number above 0")
        for key in ("retain_weight", "sharpness_radius"):
            if not 0 <= vars(self)[key] < math.inf:
                raise InputError(f"train.{key}", vars(self)[key], "give 0 or more")
        if self.batch_size % self.micro_batches:
            raise InputError("train.micro_batches", self.micro_batches, f"give a divisor of train.batch_size={self.batch_size}")
        tensor_pattern(self.parameters)

    @property
    def reference_unmasked(self) -> bool:
        """Whether predictions of the reference model attend to padding, where there is any on the left."""
        return self.padding is Padding.included and self.reference_attention is ReferenceAttention.unmasked


@dataclass(frozen=True)
class TopicSettings:
    """Settings of one topic that differ from `train` and `method`; None where they do not."""

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
    """Method, retain loss, noise, training and optimiser; `topics` has those that differ from `train` and `method`."""

    method: Method
    retain: RetainLoss | None
    noise: Noise | None
    train: Train
    optimizer: Optimizer
    topics: Mapping[str, TopicConfig]
    seed: int

    def of(self, topic: str) -> TopicConfig:
        """Return the topic's own method and training."""
        return self.topics.get(topic) or TopicConfig(self.method, self.train)

    @property
    def reads_hidden(self) -> bool:
        """Whether the retain loss compares hidden states, at the steered layer."""
        return self.retain is not None and not self.retain.reads_logits


def without_effect(noise: Noise, method: Method, retain: RetainLoss | None) -> str:
    """Return why the noise has no effect, or "" if a loss reads what it acts on."""
    if not noise.noised_layers:
        return "its scale is 0"
    if noise.side is Side.retain and retain is None:
        return "there is no retain loss"
    reader = method if noise.side is Side.forget else retain
    assert reader is not None
    if noise.model is NoisedModel.reference and not reader.reads_reference:
        return f"{type(reader).__name__} never reads the reference model on {noise.side.value} inputs"
    return ""


def check_topics(recipe: UnlearningConfig, known: Sequence[str]) -> None:
    """Raise InputError unless the corpus has every topic that has settings of its own, and one model can be made of all."""
    for name, own in recipe.topics.items():
        if name not in known:
            raise InputError(f"topics.{name}", "", f"the corpus has {', '.join(known)}; take it out with ~topics.{name}")
        if isinstance(recipe.method, Merging) and own.method != recipe.method:
            raise InputError(f"topics.{name}.method", own.method, "one model is made of what all topics trained; give method.KEY")


def check_depth(recipe: UnlearningConfig, depth: int) -> None:
    """Raise InputError unless a model of `depth` layers has every layer named."""
    layer, parameters = recipe.method.layer, recipe.train.parameters
    for method in (recipe.method, *(own.method for own in recipe.topics.values())):
        if method.layer is not None:
            check_layer("method.layer", method.layer, depth)
            if method.layer != layer:
                raise InputError("topics.*.method.layer", method.layer, f"all topics are steered at one layer; give {layer}")
    for number in recipe.noise.noised_layers if recipe.noise else ():
        check_layer("noise.layer", number, depth, ", or noise=none")
    for number in named_layers(parameters):
        if number >= depth:
            remedy = f"names layer {number}, but the model has {depth} layers; give a pattern of layers 0 to {depth - 1}"
            raise InputError("train.parameters", parameters_text(parameters), remedy)


def check_layers(recipe: UnlearningConfig, depth: int, trained: Collection[int], first: int) -> None:
    """Raise InputError unless a model of `depth` layers has every layer named, and losses reach every trained tensor.

    `trained` are the layers with a trained tensor; `first` is the lowest layer at which policy and reference can differ.
    """
    check_depth(recipe, depth)
    shown, layer = parameters_text(recipe.train.parameters), recipe.method.layer
    if layer is None:
        return
    above = [number for number in sorted(trained) if number > layer]
    if above and (recipe.retain is None or recipe.reads_hidden):
        remedy = f"matches tensors of layer {above[0]}, above method.layer={layer}, which no loss reaches; narrow the pattern"
        raise InputError("train.parameters", shown, remedy)
    if first > layer:
        raise InputError("train.parameters", shown, f"matches nothing up to method.layer={layer}; widen the pattern")
    _check_reach(recipe, layer)


def _check_reach(recipe: UnlearningConfig, layer: int) -> None:
    """Raise InputError for noise above the layer at which its side's loss compares hidden states: it would change nothing."""
    noise = recipe.noise
    highest = max(noise.noised_layers, default=0) if noise else 0
    if noise and highest > layer and (noise.side is Side.forget or recipe.reads_hidden):
        raise InputError("noise.layer", highest, f"the loss is taken at layer {layer}; give {layer} or less")


def check_dimensions(recipe: UnlearningConfig, architecture: Architecture) -> None:
    """Raise InputError unless a model of these dimensions has every layer named and reads texts of the lengths given."""
    check_depth(recipe, architecture.layers)
    for topic, train in (("train", recipe.train), *((f"topics.{name}", own.train) for name, own in recipe.topics.items())):
        for key in ("max_tokens", "retain_max_tokens"):
            if vars(train)[key] > architecture.context:
                remedy = f"the model's context is {architecture.context} tokens; give {architecture.context} or less"
                raise InputError(f"{topic}.{key}", vars(train)[key], remedy)


def check_architecture(recipe: UnlearningConfig, architecture: Architecture) -> None:
    """Raise InputError unless a model of that architecture has every layer and tensor named; a run checks the model itself."""
    check_dimensions(recipe, architecture)
    parameters = recipe.train.parameters
    check_names(parameters, architecture.tensors(), architecture.example)
    owners = {architecture.layer_of(name) for name in architecture.matching(parameters)}
    numbers = [number for number in owners if number is not None]
    check_layers(recipe, architecture.layers, numbers, 0 if None in owners else min(numbers))


def check_layer(key: str, layer: int, depth: int, more: str = "") -> None:
    """Raise InputError unless a model of `depth` layers has that layer."""
    if not 0 <= layer < depth:
        raise InputError(key, layer, f"the model has {depth} layers; give 0 to {depth - 1}{more}")
