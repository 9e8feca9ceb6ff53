"""Retain losses: what holds the policy to the reference model on retain inputs."""

from dataclasses import dataclass

from torch import Tensor

from rna_bench.models.passes import Passes
from rna_bench.unlearning.losses import masked_mse


@dataclass(frozen=True)
class HiddenMSE:
    """mse(h_l(updated), h_l(frozen) + noise) over the tokens of the retain batch (arXiv 2403.03218, eq. 2).

    Without noise it is RMU's retain loss; with it, RNA for representation misdirection (arXiv 2501.19202).
    """

    def retain_loss(self, passes: Passes) -> Tensor:
        """Return the loss as a scalar; its gradient reaches the policy alone."""
        return masked_mse(passes.retain.hidden, passes.reference_retain.hidden, passes.retain.mask)
