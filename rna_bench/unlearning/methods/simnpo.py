"""SimNPO, NPO without a reference model (arXiv 2410.07163)."""

from dataclasses import dataclass

from torch import Tensor

from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import MeanOver, Reduction, check_beta, reduced, simnpo_loss


@dataclass(frozen=True)
class SimNPO:
    """Make forget text unlikely; `gamma` is the target reward margin."""

    beta: float
    gamma: float
    reduction: Reduction
    layer = None
    reads_reference = False

    def __post_init__(self) -> None:
        check_beta(self.beta)

    @property
    def mean_over(self) -> MeanOver:
        """What the loss is a mean over."""
        return self.reduction.mean_over

    def forget_loss(self, passes: Passes, control_vector: Tensor | None) -> Tensor:
        """Return `simnpo_loss` of the forget batch's targets."""
        return simnpo_loss(reduced(passes.forget_nll, self.reduction), self.beta, self.gamma)
