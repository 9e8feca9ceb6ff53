"""NPO, negative preference optimisation (arXiv 2404.05868)."""

from dataclasses import dataclass

from torch import Tensor

from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import MeanOver, Reduction, check_beta, npo_loss, reduced


@dataclass(frozen=True)
class NPO:
    """Make forget text less likely than the reference model has it; `beta` is the inverse temperature."""

    beta: float
    reduction: Reduction
    layer = None
    reads_reference = True

    def __post_init__(self) -> None:
        check_beta(self.beta)

    @property
    def mean_over(self) -> MeanOver:
        """What the loss is a mean over."""
        return self.reduction.mean_over

    def forget_loss(self, passes: Passes, control_vector: Tensor | None) -> Tensor:
        """Return `npo_loss` of the forget batch's targets."""
        policy, reference = (reduced(nll, self.reduction) for nll in (passes.forget_nll, passes.reference_forget_nll))
        return npo_loss(policy, reference, self.beta)
