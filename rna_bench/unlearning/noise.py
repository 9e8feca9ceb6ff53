"""Random noise augmentation (RNA): Gaussian noise on hidden states of the reference model."""

from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor
from torch.nn import functional as F

from rna_bench.core.types import Batch, InputError


class Unit(Enum):
    """What a noise scale is measured in: as it is, or in root mean squares of the hidden state it is added to."""

    absolute = "absolute"
    rms = "rms"


@dataclass(frozen=True)
class Noise:
    """RNA: scale nu (a standard deviation) in `unit`, added at the output of `layer`. nu = 0 is no noise.

    arXiv 2501.19202: only to the reference model, only on retain inputs, fresh at every step. The released code (f12bf26)
    takes nu as absolute.
    """

    scale: float
    unit: Unit
    layer: int

    def __post_init__(self) -> None:
        if not 0 <= self.scale < float("inf"):
            raise InputError("noise.scale", self.scale, "a standard deviation cannot be negative or infinite; give 0 or more")

    def absolute(self, rms: float) -> float:
        """Return the standard deviation that is added, given the hidden state's root mean square."""
        if self.unit is Unit.absolute or self.scale == 0:
            return self.scale
        if not rms > 0:
            raise InputError("noise.unit", "rms", f"the hidden RMS is {rms}: texts are too short to tell; give absolute")
        return self.scale * rms


def gaussian(hidden: Tensor, scale: float, generator: torch.Generator) -> Tensor:
    """Return hidden + scale * z, z ~ N(0, 1) for each element of (b, t, d); drawn in fp32, added in the hidden's dtype."""
    if scale == 0:
        return hidden
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
