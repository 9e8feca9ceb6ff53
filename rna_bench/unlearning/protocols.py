"""What a method may have besides what `Method` asks for: a schedule of losses, an adversary, a model not the trained one."""

from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor


class LossWeights(NamedTuple):
    """What the losses of a step are multiplied by; the retain loss also by `train.retain_weight`."""

    forget: float
    retain: float


CONSTANT = LossWeights(1.0, 1.0)


@runtime_checkable
class Scheduled(Protocol):
    """A method that weighs its losses by how far training is: `progress` is t / T of step t = 1, ..., T."""

    def loss_weights(self, progress: float) -> LossWeights: ...


@runtime_checkable
class Adversarial(Protocol):
    """A method whose forget loss is taken where an adversary has moved hidden states at the output of `adversary_layer`.

    It finds the move in so many passes of a step, forward and backward, from there to the model's head.
    """

    @property
    def adversary_layer(self) -> int: ...
    @property
    def adversary_passes(self) -> int: ...


@runtime_checkable
class Merging(Protocol):
    """A method whose model is made of the untrained and the trained one: `merged` is its value of a trained tensor.

    The model is made at the end, and of what training has reached by then for each eval step and each state that is kept for
    attacks; training itself goes on as if it had not been.
    """

    def merged(self, initial: Tensor, trained: Tensor) -> Tensor: ...
