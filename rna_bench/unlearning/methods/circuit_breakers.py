"""Circuit breakers by representation rerouting (Zou et al., arXiv 2406.04313).

Deviations from the released code (github.com/GraySwanAI/circuit-breakers, read in copies of it): it trains LoRA adapters of all
linear layers up to the one above the highest target, here `train.parameters` are trained themselves; its retain distance is over
the hidden states of all these layers and counts padding as 0, here (`retain=hidden_l2`) over the targets and real tokens, as in the
paper's formula. Its schedule divides the step by 300, which is 2 T of its 150 steps.
"""

import math
from dataclasses import dataclass

from torch import Tensor

from rna_bench.core.types import InputError
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import MeanOver, rerouting_loss
from rna_bench.unlearning.protocols import LossWeights


@dataclass(frozen=True)
class CircuitBreakers:
    """Turn the hidden states of forget inputs at `layers` until they are orthogonal to the reference model's.

    The untrained model has the largest loss, 1, and a gradient of rounding errors, which Adam enlarges: by them training leaves it,
    in the released code too. Runs on other processors are therefore no near copies.
    """

    layers: list[int]
    alpha: float
    reads_reference = True
    mean_over = MeanOver.tokens

    def __post_init__(self) -> None:
        if not self.layers or min(self.layers) < 0 or len(set(self.layers)) < len(self.layers):
            raise InputError("method.layers", self.layers, "give at least one layer, from 0 on, and none twice")
        if not 0 < self.alpha < math.inf:
            raise InputError("method.alpha", self.alpha, "give a number above 0")

    @property
    def layer(self) -> int:
        """The highest of the layers."""
        return max(self.layers)

    def loss_weights(self, progress: float) -> LossWeights:
        """Return c_s = alpha (1 - t / 2T) and c_r = alpha t / 2T (arXiv 2406.04313, algorithm 1)."""
        return LossWeights(self.alpha * (1 - progress / 2), self.alpha * progress / 2)

    def forget_loss(self, passes: Passes, control_vector: Tensor | None) -> Tensor:
        """Return `rerouting_loss` over the layers and the tokens of the forget batch."""
        at = passes.at(self.layers)
        return rerouting_loss(at.forget.hidden, at.reference_forget.hidden, at.forget.mask)
