"""SimNPO, NPO without a reference model (arXiv 2410.07163)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rna_bench.core.types import Batch, InputError
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import Reduction, reduced, reduction_weight, simnpo_loss


@dataclass(frozen=True)
class SimNPO:
    """Make forget text unlikely; `gamma` is the margin of reward that is asked for."""

    beta: float
    gamma: float
    reduction: Reduction
    layer = None

    def __post_init__(self) -> None:
        if not self.beta > 0:
            raise InputError("method.beta", self.beta, "give a number above 0")

    def control_vector(self, first: Passes, generator: torch.Generator) -> None:
        """Return None: nothing is held fixed."""

    def forget_loss(self, passes: Passes, control_vector: Tensor | None) -> Tensor:
        """Return `simnpo_loss` of the forget batch's targets."""
        return simnpo_loss(reduced(passes.forget_nll, self.reduction), self.beta, self.gamma)

    def micro_batch_weight(self, part: Batch, whole: Batch) -> float:
        """Return what a micro-batch's loss weighs in the whole batch's: its share of sequences."""
        return reduction_weight(self.reduction, part, whole)
