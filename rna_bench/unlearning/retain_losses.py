"""Retain losses: what keeps the policy as it was on retain inputs. To add one, write a frozen dataclass that follows `RetainLoss`.

RNA is not a loss: it adds noise to the reference model's hidden states that these losses read.
"""

from dataclasses import dataclass
from enum import Enum
from functools import partial

from torch import Tensor

from rna_bench.core.types import Dtype, InputError
from rna_bench.models.loading import TORCH_DTYPES
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.losses import MeanOver, kl_divergence, log_probability_mse, masked_distance, masked_mse, token_mean


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
class HiddenL2:
    """Mean L2 distance of policy's and reference's hidden states at `layers`, over the tokens of the retain batch.

    The retain loss of circuit breakers (arXiv 2406.04313); noise is added to the reference's states, as in `HiddenMSE`.
    """

    layers: list[int]
    reads_logits = False
    mean_over = MeanOver.tokens
    reads_reference = True

    def __post_init__(self) -> None:
        if not self.layers:
            raise InputError("retain.layers", self.layers, "the method steers none; give retain=kl, mse or ce")
        if min(self.layers) < 0 or len(set(self.layers)) < len(self.layers):
            raise InputError("retain.layers", self.layers, "give layers from 0 on, and none twice")

    def retain_loss(self, passes: Passes) -> Tensor:
        """Return the loss as a scalar, in units of the hidden state; its gradient reaches the policy alone."""
        at = passes.at(self.layers)
        return masked_distance(at.retain.hidden, at.reference_retain.hidden, at.retain.mask)


class Positions(Enum):
    """Where predictions are compared: `labels`, those of labels; `all`, also what a text's last token predicts (released code)."""

    labels = "labels"
    all = "all"

    @property
    def mean_over(self) -> MeanOver:
        """What a mean over them is a mean over."""
        return MeanOver.tokens if self is Positions.all else MeanOver.labels


@dataclass(frozen=True)
class KL:
    """KL(reference || policy) of next-token distributions, mean over the positions of the retain batch.

    With noise, which enters a hidden state of the reference and travels on to its logits, it is RNA for preference methods
    (arXiv 2501.19202). The policy's log-probabilities are rounded to `log_probabilities`.
    """

    log_probabilities: Dtype = Dtype.float32
    positions: Positions = Positions.labels
    reads_logits = True
    reads_reference = True

    @property
    def mean_over(self) -> MeanOver:
        """What the loss is a mean over."""
        return self.positions.mean_over

    def retain_loss(self, passes: Passes) -> Tensor:
        """Return the loss as a scalar, in nats a token."""
        divergence = partial(kl_divergence, dtype=TORCH_DTYPES[self.log_probabilities])
        return token_mean(passes.retain_divergence(divergence, self.positions is Positions.all))


@dataclass(frozen=True)
class LogProbabilityMSE:
    """Mean squared difference of log-probabilities, over the retain batch's positions and the vocabulary; noise as in `KL`.

    Policy's and reference's log-probabilities are rounded to `log_probabilities`.
    """

    log_probabilities: Dtype = Dtype.float32
    positions: Positions = Positions.labels
    reads_logits = True
    reads_reference = True

    @property
    def mean_over(self) -> MeanOver:
        """What the loss is a mean over."""
        return self.positions.mean_over

    def retain_loss(self, passes: Passes) -> Tensor:
        """Return the loss as a scalar, in squared nats."""
        divergence = partial(log_probability_mse, dtype=TORCH_DTYPES[self.log_probabilities])
        return token_mean(passes.retain_divergence(divergence, self.positions is Positions.all))


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
