"""NPO, negative preference optimisation (arXiv 2404.05868)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rna_bench.core.types import Batch, InputError
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import Reduction, npo_loss, reduced, reduction_weight


@dataclass(frozen=True)
class NPO:
    """Make forget text less likely than the reference model has it; `beta` is the inverse temperature."""

    beta: float
    reduction: Reduction
    layer = None

    def __post_init__(self) -> None:
        if not self.beta > 0:
            raise InputError("method.beta", self.beta, "give a number above 0")

    def control_vector(self, first: Passes, generator: torch.Generator) -> None:
        """Return None: nothing is held fixed."""

    def forget_loss(self, passes: Passes, control_vector: Tensor | None) -> Tensor:
        """Return `npo_loss` of the forget batch's targets."""
        policy, reference = (reduced(nll, self.reduction) for nll in (passes.forget_nll, passes.reference_forget_nll))
        return npo_loss(policy, reference, self.beta)

    def micro_batch_weight(self, part: Batch, whole: Batch) -> float:
        """Return what a micro-batch's loss weighs in the whole batch's: its share of sequences."""
        return reduction_weight(self.reduction, part, whole)
