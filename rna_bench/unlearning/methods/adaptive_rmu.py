"""Adaptive RMU: the steering coefficient follows from the model's own hidden norm (arXiv 2408.06223)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import MeanOver, masked_mse, unit_vector
from rna_bench.unlearning.noise import beyond_first, hidden_norm


@dataclass(frozen=True)
class AdaptiveRMU:
    """RMU with c = `scale` times the mean L2 norm of the policy's hidden states on the topic's first forget batch."""

    layer: int
    scale: float
    reads_reference = False
    mean_over = MeanOver.tokens

    def control_vector(self, first: Passes, generator: torch.Generator) -> Tensor:
        """Return scale * mean ||h_l(policy)|| * u (d,), fixed from the topic's first batch (arXiv 2408.06223, section 5).

        Deviation: padding and each sequence's first token, an attention sink of far larger norm, are left out of the mean.
        Where padding is included, all positions count, as in the released code of arXiv 2501.19202.
        """
        hidden, mask = first.forget
        counted = beyond_first(first.forget_batch) if first.forget_batch.attention is None else mask
        return self.scale * hidden_norm(hidden, counted) * unit_vector(hidden.shape[-1], generator)

    def forget_loss(self, passes: Passes, control_vector: Tensor) -> Tensor:
        """Return mse(h_l(policy), control vector) over the tokens of the forget batch."""
        return masked_mse(passes.forget.hidden, control_vector, passes.forget.mask)
