"""DPO, direct preference optimisation (arXiv 2305.18290), with "I don't know" preferred to what shall be forgotten."""

from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor

from rna_bench.core.types import Batch, InputError
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import Reduction, dpo_loss, npo_loss, reduced, reduction_weight


class Variant(Enum):
    """`formula` is DPO. `released` is the released code of arXiv 2501.19202, in which the preferred terms cancel: NPO."""

    formula = "formula"
    released = "released"


@dataclass(frozen=True)
class DPO:
    """Prefer the answers of `train.refusals` to the forget text, as far as the reference model does not already."""

    beta: float
    reduction: Reduction
    variant: Variant
    layer = None

    def __post_init__(self) -> None:
        if not self.beta > 0:
            raise InputError("method.beta", self.beta, "give a number above 0")

    def control_vector(self, first: Passes, generator: torch.Generator) -> None:
        """Return None: nothing is held fixed."""

    def forget_loss(self, passes: Passes, control_vector: Tensor | None) -> Tensor:
        """Return `dpo_loss` of forget targets and preferred answers.

        The released variant is dpo_loss(forget, reference_forget, preferred, preferred); as those cancel, they are not run.
        """
        forget, reference_forget = (reduced(nll, self.reduction) for nll in (passes.forget_nll, passes.reference_forget_nll))
        if self.variant is Variant.released:
            return npo_loss(forget, reference_forget, self.beta)
        preferred, reference = (reduced(nll, self.reduction) for nll in (passes.preferred_nll, passes.reference_preferred_nll))
        return dpo_loss(forget, reference_forget, preferred, reference, self.beta)

    def micro_batch_weight(self, part: Batch, whole: Batch) -> float:
        """Return what a micro-batch's loss weighs in the whole batch's: its share of sequences."""
        return reduction_weight(self.reduction, part, whole)
