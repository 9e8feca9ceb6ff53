"""Retain losses: what holds the policy to the reference model on retain inputs. RNA is in the reference's passes."""

from dataclasses import dataclass

from torch import Tensor

from rna_bench.core.types import Batch
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import kl_divergence, log_probability_mse, masked_mse, token_mean, token_weight


@dataclass(frozen=True)
class HiddenMSE:
    """mse(h_l(updated), h_l(frozen) + noise) over the tokens of the retain batch (arXiv 2403.03218, eq. 2).

    Without noise it is RMU's retain loss; with it, RNA for representation misdirection (arXiv 2501.19202).
    """

    reads_logits = False

    def retain_loss(self, passes: Passes) -> Tensor:
        """Return the loss as a scalar; its gradient reaches the policy alone."""
        return masked_mse(passes.retain.hidden, passes.reference_retain.hidden, passes.retain.mask)

    def micro_batch_weight(self, part: Batch, whole: Batch) -> float:
        """Return what a micro-batch's loss weighs in the whole batch's: its share of tokens."""
        return token_weight(part.mask, whole.mask)


@dataclass(frozen=True)
class KL:
    """KL(frozen || updated) of next-token distributions, mean over the targets of the retain batch.

    With noise, which enters a hidden state of the frozen model and travels on to its logits, RNA for preference methods
    (arXiv 2501.19202).
    """

    reads_logits = True

    def retain_loss(self, passes: Passes) -> Tensor:
        """Return the loss as a scalar, in nats a token."""
        return token_mean(passes.retain_divergence(kl_divergence))

    def micro_batch_weight(self, part: Batch, whole: Batch) -> float:
        """Return what a micro-batch's loss weighs in the whole batch's: its share of targets."""
        return token_weight(part.label_mask, whole.label_mask)


@dataclass(frozen=True)
class LogProbabilityMSE:
    """Mean squared difference of log-probabilities, over the retain batch's targets and the vocabulary; noise as in `KL`."""

    reads_logits = True

    def retain_loss(self, passes: Passes) -> Tensor:
        """Return the loss as a scalar, in squared nats."""
        return token_mean(passes.retain_divergence(log_probability_mse))

    def micro_batch_weight(self, part: Batch, whole: Batch) -> float:
        """Return what a micro-batch's loss weighs in the whole batch's: its share of targets."""
        return token_weight(part.label_mask, whole.label_mask)
