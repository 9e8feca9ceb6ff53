"""RSV, random steering vector: push forget representations away along one random direction (arXiv 2501.19202)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rna_bench.core.types import Dtype
from rna_bench.models.loading import TORCH_DTYPES
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import MeanOver, gaussian_unit_vector, masked_mse


@dataclass(frozen=True)
class RSV:
    """Steer the hidden states of forget inputs at `layer` to the reference model's, plus `scale` * u.

    u is a random Gaussian unit vector, one for each topic and fixed for the run; `scale` is in units of the hidden state.
    """

    layer: int
    scale: float
    direction: Dtype = Dtype.float32  # of z and its norm; the released code has bfloat16
    reads_reference = True
    mean_over = MeanOver.tokens

    def control_vector(self, first: Passes, generator: torch.Generator) -> Tensor:
        """Return scale * u (d,), drawn for the topic that `first` is the first batch of."""
        return self.scale * gaussian_unit_vector(first.width, generator, TORCH_DTYPES[self.direction])

    def forget_loss(self, passes: Passes, control_vector: Tensor) -> Tensor:
        """Return mse(h_l(policy), h_l(reference) + scale * u) over the tokens of the forget batch (released code)."""
        reference = passes.reference_forget.hidden.float()
        return masked_mse(passes.forget.hidden, reference + control_vector, passes.forget.mask)
