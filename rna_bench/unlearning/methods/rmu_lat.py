"""RMU with latent adversarial training (RMU-LAT, arXiv 2407.15549).

Deviations from its released code (`latent.py` has those of the adversary): it updates the weights four times under each move, with
one batch of forget and of retain text; here every update has a batch and a move of its own.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rna_bench.core.types import InputError
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.latent import with_adversary
from rna_bench.unlearning.losses import MeanOver, masked_mse, unit_vector


@dataclass(frozen=True)
class RMULAT:
    """RMU's forget loss at `layer` where an adversary has moved hidden states of forget inputs at the output of `adversary_layer`.

    The move of each token is at most as long as `adversary_radius`, in units of the hidden state; `adversary_steps` gradient
    steps of learning rate `adversary_lr` find it. Without steps, or with a radius of 0, it is RMU. The retain loss is taken
    without a move.
    """

    layer: int
    steering_coefficient: float
    adversary_layer: int
    adversary_radius: float
    adversary_steps: int
    adversary_lr: float
    reads_reference = False
    mean_over = MeanOver.tokens

    def __post_init__(self) -> None:
        if not 0 <= self.adversary_layer <= self.layer:
            raise InputError("method.adversary_layer", self.adversary_layer, f"give 0 to method.layer={self.layer}")
        for key in ("adversary_radius", "adversary_steps"):
            if not 0 <= vars(self)[key] < math.inf:
                raise InputError(f"method.{key}", vars(self)[key], "give 0 or more; 0 is plain RMU")
        if not 0 < self.adversary_lr < math.inf:
            raise InputError("method.adversary_lr", self.adversary_lr, "give a number above 0")

    @property
    def adversary_passes(self) -> int:
        """The passes of a step in which the move is found."""
        return self.adversary_steps if self.adversary_radius else 0

    def control_vector(self, first: Passes, generator: torch.Generator) -> Tensor:
        """Return c * u (d,), as RMU's."""
        return self.steering_coefficient * unit_vector(first.width, generator)

    def forget_loss(self, passes: Passes, control_vector: Tensor) -> Tensor:
        """Return mse(h_l(policy), c * u) over the tokens of the forget batch, under the adversary's move."""
        moved = with_adversary(passes, self.adversary_layer, self.adversary_radius, self.adversary_steps, self.adversary_lr)
        return masked_mse(moved.forget.hidden, control_vector, moved.forget.mask)
