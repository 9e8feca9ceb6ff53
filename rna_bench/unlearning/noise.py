"""Noise on hidden states while unlearning. Random noise augmentation (RNA, arXiv 2501.19202) is one kind of it.

To add a kind, write a frozen dataclass that follows `Noise`, and a YAML file that names it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from rna_bench.core.types import Batch, InputError


class NoisedModel(Enum):
    """Whose hidden states have noise: the frozen reference model's, or those of the policy, which is trained."""

    reference = "reference"
    policy = "policy"


class Side(Enum):
    """Which inputs have noise."""

    forget = "forget"
    retain = "retain"


class Unit(Enum):
    """What a noise scale is measured in: units of the hidden state, or multiples of the hidden state's root mean square."""

    absolute = "absolute"
    rms = "rms"


class Noise(Protocol):
    """A kind of noise: where it acts, how often it is drawn in a step, and what it does to a hidden state.

    It acts on the outputs of `noised_layers`; if there are none, there is no noise. A step makes `draws` draws, and the loss of its
    side is the mean over them. Draws with the same `stream` begin with the same random numbers. `absolute_scale` turns the
    configured scale into the units of a hidden state, given that state's root mean square; `add` is given the result.
    """

    @property
    def model(self) -> NoisedModel: ...
    @property
    def side(self) -> Side: ...
    @property
    def noised_layers(self) -> Sequence[int]: ...
    @property
    def draws(self) -> int: ...
    def absolute_scale(self, rms: float) -> float: ...
    def stream(self, draw: int) -> tuple[object, ...]: ...
    def add(self, hidden: Tensor, scale: float, draw: int, generator: torch.Generator) -> Tensor: ...


@dataclass(frozen=True)
class RNA:
    """Gaussian noise of scale nu (a standard deviation) in `unit`, at the output of `layer`. nu = 0 is no noise.

    arXiv 2501.19202: on the reference model alone, on retain inputs alone, fresh at every step, independent for each token and
    dimension. The released code (f12bf26) takes nu as absolute, at the steered layer.
    """

    scale: float
    unit: Unit
    layer: int
    model = NoisedModel.reference
    side = Side.retain
    draws = 1

    def __post_init__(self) -> None:
        check_scale(self.scale)

    @property
    def noised_layers(self) -> Sequence[int]:
        """The one layer."""
        return (self.layer,) if self.scale else ()

    def absolute_scale(self, rms: float) -> float:
        """Return the scale in units of the hidden state, of which `rms` is the root mean square."""
        return absolute(self.scale, self.unit, rms)

    def stream(self, draw: int) -> tuple[object, ...]:
        """Return the name of the one stream of a step."""
        return ()

    def add(self, hidden: Tensor, scale: float, draw: int, generator: torch.Generator) -> Tensor:
        """Return hidden + e, e ~ N(0, scale^2)."""
        return gaussian(hidden, scale, generator)


@dataclass(frozen=True)
class GaussianNoise:
    """RNA's noise elsewhere: at one layer or several, on the reference model or the policy, on retain or forget inputs.

    At several layers it is drawn independently for each. With `draws` = K the loss is the mean over K independent
    draws in each step; for noise on the target of a squared distance, its gradient is that of one target averaged over the draws.
    """

    scale: float
    unit: Unit
    layers: list[int]
    model: NoisedModel
    side: Side
    draws: int

    def __post_init__(self) -> None:
        check_scale(self.scale)
        if self.draws < 1:
            raise InputError("noise.draws", self.draws, "give 1 or more")
        if len(set(self.layers)) < len(self.layers) or not self.layers:
            raise InputError("noise.layers", self.layers, "give at least one layer, and none twice")

    @property
    def noised_layers(self) -> Sequence[int]:
        """The layers given."""
        return tuple(self.layers) if self.scale else ()

    def absolute_scale(self, rms: float) -> float:
        """Return the scale in units of the hidden state, of which `rms` is the root mean square."""
        return absolute(self.scale, self.unit, rms)

    def stream(self, draw: int) -> tuple[object, ...]:
        """Return the name of a draw's own stream; that of the first draw is RNA's."""
        return (draw,) if draw else ()

    def add(self, hidden: Tensor, scale: float, draw: int, generator: torch.Generator) -> Tensor:
        """Return hidden + e, e ~ N(0, scale^2)."""
        return gaussian(hidden, scale, generator)


@dataclass(frozen=True)
class AntitheticNoise:
    """RNA in antithetic pairs: the retain loss is the mean over e and -e.

    If the loss is a squared distance of hidden states at `layer` itself, e and -e cancel and the gradient is exactly that without
    noise. If `layer` is below the compared layer they do not cancel, because the layers between are not linear.
    """

    scale: float
    unit: Unit
    layer: int
    model = NoisedModel.reference
    side = Side.retain
    draws = 2

    def __post_init__(self) -> None:
        check_scale(self.scale)

    @property
    def noised_layers(self) -> Sequence[int]:
        """The one layer."""
        return (self.layer,) if self.scale else ()

    def absolute_scale(self, rms: float) -> float:
        """Return the scale in units of the hidden state, of which `rms` is the root mean square."""
        return absolute(self.scale, self.unit, rms)

    def stream(self, draw: int) -> tuple[object, ...]:
        """Return the name of the stream that both draws share."""
        return ()

    def add(self, hidden: Tensor, scale: float, draw: int, generator: torch.Generator) -> Tensor:
        """Return hidden + e in the first draw and hidden - e in the second, e ~ N(0, scale^2)."""
        return gaussian(hidden, -scale if draw else scale, generator)


class Edits(Protocol):
    """What is done to hidden states, by layer from the lowest, when a model is run on a side's inputs; `draw` tells draws apart."""

    @property
    def draw(self) -> int: ...
    def edits(self, model: NoisedModel, side: Side) -> dict[int, Callable[[Tensor], Tensor]]: ...


@dataclass(frozen=True)
class NoiseDraw:
    """One draw of a step's noise, as forward passes apply it; `scales` are in units of the hidden states, by layer."""

    noise: Noise | None
    scales: Mapping[int, float]
    draw: int
    generator: torch.Generator | None

    def edits(self, model: NoisedModel, side: Side) -> dict[int, Callable[[Tensor], Tensor]]:
        """Return, by layer from the lowest, what the noise does to its output when a model is run on the inputs of a side."""
        if not self.noise or (self.noise.model, self.noise.side) != (model, side):
            return {}
        return {layer: partial(self._add, self.noise, layer) for layer in sorted(self.scales)}

    def _add(self, noise: Noise, layer: int, hidden: Tensor) -> Tensor:
        assert self.generator is not None
        return noise.add(hidden, self.scales[layer], self.draw, self.generator)


NO_NOISE = NoiseDraw(None, {}, 0, None)


def check_scale(scale: float) -> None:
    """Raise InputError unless the scale is a standard deviation."""
    if not 0 <= scale < float("inf"):
        raise InputError("noise.scale", scale, "a standard deviation cannot be negative or infinite; give 0 or more")


def absolute(scale: float, unit: Unit, rms: float) -> float:
    """Return a scale in units of the hidden state, given its root mean square."""
    if unit is Unit.absolute:
        return scale
    if not rms > 0:
        raise InputError("noise.unit", "rms", f"the hidden RMS is {rms}: texts are too short to tell; give absolute")
    return scale * rms


def gaussian(hidden: Tensor, scale: float, generator: torch.Generator) -> Tensor:
    """Return hidden + scale * z, z ~ N(0, 1) for each element of (b, t, d); drawn in fp32, added in the hidden's dtype."""
    z = torch.randn(hidden.shape, generator=generator, device=hidden.device, dtype=torch.float32)
    return hidden + (scale * z).to(hidden.dtype)


def beyond_first(batch: Batch) -> Tensor:
    """Return 1 (b, t) at tokens that are neither padding nor their sequence's first, wherever the padding is.

    The first token is the attention sink, and its norm is many times that of any other.
    """
    real = batch.mask if batch.attention is None else batch.attention
    return real * F.pad(real[:, :-1], (1, 0))


def hidden_rms(hidden: Tensor, counted: Tensor) -> float:
    """Return the root mean square of a hidden state (b, t, d), over d and the tokens that are counted (b, t)."""
    return hidden[counted.bool()].float().square().mean().sqrt().item()


def hidden_norm(hidden: Tensor, counted: Tensor) -> float:
    """Return the mean L2 norm of a hidden state (b, t, d) over the tokens that are counted (b, t)."""
    return hidden[counted.bool()].float().norm(dim=-1).mean().item()
