"""DPO, direct preference optimisation (arXiv 2305.18290), with "I don't know" preferred to the text to forget."""

from dataclasses import dataclass
from enum import Enum

from torch import Tensor

from rna_bench.core.types import InputError, TokenValues
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import MeanOver, Reduction, check_beta, dpo_loss, npo_loss, reduced


class Variant(Enum):
    """`formula` is DPO. `released` is the released code of arXiv 2501.19202, in which the preferred terms cancel: NPO."""

    formula = "formula"
    released = "released"


class RefusalOrder(Enum):
    """`in_turn`: refusals go on from batch to batch. `first`: each batch begins with the first, as in the released code."""

    in_turn = "in_turn"
    first = "first"


@dataclass(frozen=True)
class DPO:
    """Prefer `refusals` to the forget text, more than the reference model does."""

    beta: float
    reduction: Reduction
    variant: Variant
    refusals: list[str]
    refusal_order: RefusalOrder = RefusalOrder.in_turn
    layer = None
    reads_reference = True

    def __post_init__(self) -> None:
        check_beta(self.beta)
        if not self.refusals or not all(map(str.strip, self.refusals)):
            raise InputError("method.refusals", self.refusals, "give at least one answer, and none that is empty")

    @property
    def mean_over(self) -> MeanOver:
        """What the loss is a mean over."""
        return self.reduction.mean_over

    def forget_loss(self, passes: Passes, control_vector: Tensor | None) -> Tensor:
        """Return `dpo_loss` of forget targets and preferred answers.

        The released variant is dpo_loss(forget, reference_forget, preferred, preferred); as those cancel, they are not run.
        """
        forget, reference_forget = (reduced(nll, self.reduction) for nll in (passes.forget_nll, passes.reference_forget_nll))
        if self.variant is Variant.released:
            return npo_loss(forget, reference_forget, self.beta)
        preferred, reference = (reduced(nll, self.reduction) for nll in self._refused(passes))
        return dpo_loss(forget, reference_forget, preferred, reference, self.beta)

    def _refused(self, passes: Passes) -> tuple[TokenValues, TokenValues]:
        answers, anew = tuple(self.refusals), self.refusal_order is RefusalOrder.first
        return passes.answers_nll(answers, anew), passes.reference_answers_nll(answers, anew)
