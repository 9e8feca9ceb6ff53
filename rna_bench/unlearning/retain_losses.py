"""Retain losses: what keeps the policy as it was on retain inputs. To add one, write a frozen dataclass that follows `RetainLoss`.

RNA is not a loss: it adds noise to the reference model's hidden states that these losses read.
"""

from dataclasses import dataclass

from torch import Tensor

from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import MeanOver, kl_divergence, log_probability_mse, masked_mse, token_mean


@dataclass(frozen=True)
class HiddenMSE:
    """mse(h_l(policy), h_l(reference) + noise) over the tokens of the retain batch (arXiv 2403.03218, eq. 2).

    Without noise it is RMU's retain loss; with it, RNA for representation misdirection (arXiv 2501.19202).
    """

    reads_logits = False
    mean_over = MeanOver.tokens
    reads_reference = True

    def retain_loss(self, passes: Passes) -> Tensor:
        """Return the loss as a scalar; its gradient reaches the policy alone."""
        return masked_mse(passes.retain.hidden, passes.reference_retain.hidden, passes.retain.mask)


@dataclass(frozen=True)
class KL:
    """KL(reference || policy) of next-token distributions, mean over the labels of the retain batch.

    With noise, which enters a hidden state of the reference and travels on to its logits, it is RNA for preference methods
    (arXiv 2501.19202).
    """

    reads_logits = True
    mean_over = MeanOver.labels
    reads_reference = True

    def retain_loss(self, passes: Passes) -> Tensor:
        """Return the loss as a scalar, in nats a token."""
        return token_mean(passes.retain_divergence(kl_divergence))


@dataclass(frozen=True)
class LogProbabilityMSE:
    """Mean squared difference of log-probabilities, over the retain batch's labels and the vocabulary; noise as in `KL`."""

    reads_logits = True
    mean_over = MeanOver.labels
    reads_reference = True

    def retain_loss(self, passes: Passes) -> Tensor:
        """Return the loss as a scalar, in squared nats."""
        return token_mean(passes.retain_divergence(log_probability_mse))


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy of the retain text, mean over its labels: ordinary fine-tuning (gradient difference, arXiv 2401.06121).

    It never reads the reference model, so noise on that has no effect.
    """

    reads_logits = True
    mean_over = MeanOver.labels
    reads_reference = False

    def retain_loss(self, passes: Passes) -> Tensor:
        """Return the loss as a scalar, in nats a token."""
        return token_mean(passes.retain_nll)
