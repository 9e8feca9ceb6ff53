"""GA, gradient ascent on the likelihood of forget text (Jang et al. 2022, arXiv 2210.01504).

With cross-entropy of the retain text as retain loss it is gradient difference (TOFU, arXiv 2401.06121).
"""

from dataclasses import dataclass

from torch import Tensor

from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import MeanOver, Reduction, ascent_loss, reduced


@dataclass(frozen=True)
class GA:
    """Make forget text unlikely, without a bound: the loss falls below 0 and on, so that the number of steps decides."""

    reduction: Reduction
    layer = None
    reads_reference = False

    @property
    def mean_over(self) -> MeanOver:
        """What the loss is a mean over."""
        return self.reduction.mean_over

    def forget_loss(self, passes: Passes, control_vector: Tensor | None) -> Tensor:
        """Return `ascent_loss` of the forget batch's labels."""
        return ascent_loss(reduced(passes.forget_nll, self.reduction))
