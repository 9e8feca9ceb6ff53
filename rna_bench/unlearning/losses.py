"""Formulas shared by methods. They take tensors and return a tensor; none knows a model.

Shapes: hidden (b, t, d), mask (b, t) with 1 at what counts, nll (b, t) negative log-likelihoods of tokens in nats, logits
(n, v). A *reduction* turns nll (b, t) into one number a batch (1,) or a sequence (b,); the preference losses take those.
"Released code" is github.com/huutiendang/llmu-robustness at f12bf26, of arXiv 2501.19202.
"""

from enum import Enum

import torch
from torch import Tensor
from torch.nn import functional as F

from rna_bench.core.types import Batch, InputError, TokenValues


def masked_mse(hidden: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of (hidden - target)^2 over the tokens of `mask` and the d dimensions, as a scalar in fp32.

    `target` is (b, t, d), or (d,) for one that all tokens share. Equals `F.mse_loss(hidden[m], target[m])` with m = mask.bool().
    Follows the steering and retain losses of RMU (arXiv 2403.03218, eq. 1 and 2; centerforaisafety/wmdp rmu/unlearn.py),
    with two deviations: padding is left out unless the mask includes it, and the mean is taken in fp32.
    """
    square = (hidden.float() - target.float()).square().mean(dim=-1)
    return (square * mask).sum() / mask.sum()


def rerouting_loss(hidden: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of relu(cos(hidden, reference)), of states (k, b, t, d), over the tokens of `mask` (b, t), in fp32.

    Representation rerouting (arXiv 2406.04313, section 3.2 and algorithm 1): 1 where both are the same, 0 from a right angle on.
    """
    cosine = F.cosine_similarity(hidden.float(), reference.float(), dim=-1).relu()
    return (cosine * mask).sum() / (mask.sum() * len(hidden))


def masked_distance(hidden: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of the L2 norm ||hidden - target|| over the tokens of `mask` (b, t), of states (k, b, t, d), in fp32.

    The retain loss of circuit breakers (arXiv 2406.04313, algorithm 1). Where both are the same, its gradient is taken as 0.
    """
    distance = torch.linalg.vector_norm(hidden.float() - target.float(), dim=-1)
    return (distance * mask).sum() / (mask.sum() * len(hidden))


def unit_vector(size: int, generator: torch.Generator) -> Tensor:
    """Return u (d,): uniform on [0, 1) in each dimension, scaled to unit L2 norm.

    RMU's random direction (arXiv 2403.03218, section 4; rmu/unlearn.py). It lies in the positive orthant, as released.
    """
    vector = torch.rand(size, generator=generator, device=generator.device)
    return vector / vector.norm()


def gaussian_unit_vector(size: int, generator: torch.Generator, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return z / ||z|| (d,), z ~ N(0, I): uniform on the sphere. RSV's random direction; the released code has z, ||z|| in bf16."""
    vector = torch.randn(size, generator=generator, device=generator.device).to(dtype)
    return vector / vector.norm()


class MeanOver(Enum):
    """What a loss is a mean over, which says how the losses of micro-batches add up to the batch's.

    `tokens`: those of the batch's mask. `labels`: tokens whose prediction counts. `sequences`: the batch's rows. `batch`: the loss
    is a function of one mean over the whole batch, which is not a sum over micro-batches.
    """

    tokens = "tokens"
    labels = "labels"
    sequences = "sequences"
    batch = "batch"


class Reduction(Enum):
    """How likelihoods of tokens become what a preference loss compares.

    `token_mean`: the mean over all targets of the batch, one number (released code). `sequence_sum`: the sum of each sequence
    (open-unlearning; the log-likelihood of the whole text, as DPO and NPO define it). `sequence_mean`: the mean of each
    sequence (SimNPO, arXiv 2410.07163, eq. 3).
    """

    token_mean = "token_mean"
    sequence_sum = "sequence_sum"
    sequence_mean = "sequence_mean"

    @property
    def mean_over(self) -> MeanOver:
        """What a loss that is a mean over the reduced numbers is a mean over."""
        return MeanOver.batch if self is Reduction.token_mean else MeanOver.sequences


def reduced(nll: TokenValues, reduction: Reduction) -> Tensor:
    """Return nll (b, t) reduced over its mask: (1,) for `token_mean`, (b,) for the others; sequences without targets are 0."""
    sums, counts = (nll.values * nll.mask).sum(dim=1), nll.mask.sum(dim=1)
    match reduction:
        case Reduction.token_mean:
            return (sums.sum() / counts.sum()).reshape(1)
        case Reduction.sequence_sum:
            return sums
        case Reduction.sequence_mean:
            return sums / counts.clamp(min=1)


def token_mean(values: TokenValues) -> Tensor:
    """Return the mean over the positions of the mask, as a scalar; 0 where there is none."""
    return (values.values * values.mask).sum() / values.mask.sum().clamp(min=1)


def check_beta(beta: float) -> None:
    """Raise InputError unless beta, the inverse temperature of the preference losses, is above 0."""
    if not beta > 0:
        raise InputError("method.beta", beta, "give a number above 0")


def ascent_loss(policy: Tensor) -> Tensor:
    """Return minus the mean of reduced nll (n,), as a scalar: gradient descent on it is ascent on the nll of forget text.

    arXiv 2210.01504, eq. 2, and the forget term of gradient difference in TOFU (arXiv 2401.06121, section 3), whose loss is the
    mean over tokens (`token_mean`). It has no lower bound.
    """
    return -policy.mean()


def npo_loss(policy: Tensor, reference: Tensor, beta: float) -> Tensor:
    """Return mean of -(2 / beta) * log sigmoid(beta * (policy - reference)) over reduced nll (n,), as a scalar.

    NPO (arXiv 2404.05868, eq. 3): with nll = -log p it is (2 / beta) * log(1 + (p / p_ref)^beta). Equal policy and reference
    give (2 / beta) * log 2; for beta -> 0 the gradient becomes that of gradient ascent on nll. Follows the released code,
    whose nll is the batch's token mean, padding included: see `Reduction` and `train.padding`.
    """
    return -(2 / beta) * F.logsigmoid(beta * (policy - reference)).mean()


def simnpo_loss(policy: Tensor, beta: float, gamma: float) -> Tensor:
    """Return mean of -(2 / beta) * log sigmoid(beta * policy - gamma) over reduced nll (n,), as a scalar.

    SimNPO (arXiv 2410.07163, eq. 3): NPO without a reference, on length-normalised likelihoods. Follows the released code.
    """
    return -(2 / beta) * F.logsigmoid(beta * policy - gamma).mean()


def dpo_loss(forget: Tensor, reference_forget: Tensor, preferred: Tensor, reference_preferred: Tensor, beta: float) -> Tensor:
    """Return mean of -(2 / beta) * log sigmoid(beta * ((ref_preferred - preferred) - (ref_forget - forget))), as a scalar.

    DPO (arXiv 2305.18290, eq. 7) on reduced nll (n,), the forget text being the dispreferred answer; the factor 2 / beta in
    place of 1 is the released code's, as for NPO. The released code gives the policy's own preferred nll as the reference's
    too, so that the two cancel and DPO is NPO: see `methods/dpo.py`.
    """
    return -(2 / beta) * F.logsigmoid(beta * ((reference_preferred - preferred) - (reference_forget - forget))).mean()


def kl_divergence(reference: Tensor, policy: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return KL(reference || policy) (n,) = sum over v of p_ref * (log p_ref - log p), of logits (n, v), summed in fp32.

    The policy's log p are rounded to `dtype`, and so is their gradient: the released code has bf16.
    """
    expected, given = reference.float().log_softmax(dim=-1), policy.float().log_softmax(dim=-1).to(dtype)
    return F.kl_div(given, expected, log_target=True, reduction="none").sum(dim=-1)


def log_probability_mse(reference: Tensor, policy: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the mean over v of (log p_ref - log p)^2 (n,), of logits (n, v): the released code's MSE retain loss.

    Both are rounded to `dtype`, and so are the squares, which are added up in fp32: the released code has bf16, the mean included.
    """
    expected, given = (logits.float().log_softmax(dim=-1).to(dtype) for logits in (reference, policy))
    return F.mse_loss(given, expected, reduction="none").float().mean(dim=-1)


def micro_batch_weight(mean_over: MeanOver, part: Batch, whole: Batch) -> float:
    """Return the weight of a micro-batch's loss in the batch's: its share of what the loss is a mean over."""
    match mean_over:
        case MeanOver.tokens:
            return (part.mask.sum() / whole.mask.sum()).item()
        case MeanOver.labels:
            return (part.label_mask.sum() / whole.label_mask.sum()).item()
        case MeanOver.batch if len(part.input_ids) < len(whole.input_ids):
            remedy = "a loss of the whole batch's mean is not a sum over micro-batches; give sequence_sum, or train.micro_batches=1"
            raise InputError("method.reduction", Reduction.token_mean.value, remedy)
        case _:
            return len(part.input_ids) / len(whole.input_ids)
