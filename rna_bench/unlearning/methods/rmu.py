"""RMU, representation misdirection for unlearning (arXiv 2403.03218)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import MeanOver, masked_mse, unit_vector


@dataclass(frozen=True)
class RMU:
    """Steer the hidden states of forget inputs at `layer` to c * u.

    u is a random unit vector, one for each topic and fixed for the run; c is `steering_coefficient`, in units of the hidden state.
    """

    layer: int
    steering_coefficient: float
    reads_reference = False
    mean_over = MeanOver.tokens

    def control_vector(self, first: Passes, generator: torch.Generator) -> Tensor:
        """Return c * u (d,), drawn for the topic that `first` is the first batch of."""
        return self.steering_coefficient * unit_vector(first.width, generator)

    def forget_loss(self, passes: Passes, control_vector: Tensor) -> Tensor:
        """Return mse(h_l(policy), c * u) over the tokens of the forget batch (arXiv 2403.03218, eq. 1)."""
        return masked_mse(passes.forget.hidden, control_vector, passes.forget.mask)
