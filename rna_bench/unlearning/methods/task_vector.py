"""The negated task vector (arXiv 2212.04089): what fine-tuning on forget text adds to a model is taken away from it."""

import math
from dataclasses import dataclass

from torch import Tensor

from rna_bench.core.types import InputError
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import MeanOver, token_mean


@dataclass(frozen=True)
class TaskVector:
    """Fine-tune on forget text, then take the model theta_0 - alpha * (theta - theta_0); theta_0 is the untrained one.

    The losses of steps are those of the fine-tuning, and fall; scores, forget losses and hidden norms of eval steps are those of
    the model that is made of what fine-tuning has reached, whose forget loss rises. The source chooses the largest alpha that keeps
    95% of the accuracy on a control task; here alpha is a setting, and a preset's is chosen as every preset is (sweeps/README.md).
    """

    alpha: float
    layer = None
    reads_reference = False
    mean_over = MeanOver.labels

    def __post_init__(self) -> None:
        if not 0 < self.alpha < math.inf:
            raise InputError("method.alpha", self.alpha, "give a number above 0")

    def forget_loss(self, passes: Passes, control_vector: Tensor | None) -> Tensor:
        """Return the cross-entropy of the forget batch's labels, in nats a token."""
        return token_mean(passes.forget_nll)

    def merged(self, initial: Tensor, trained: Tensor) -> Tensor:
        """Return initial - alpha * (trained - initial), computed in fp32."""
        start = initial.float()
        return (start - self.alpha * (trained.float() - start)).to(trained.dtype)
