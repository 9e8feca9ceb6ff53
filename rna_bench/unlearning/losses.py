"""Formulas shared by methods. They take tensors and return a tensor; none knows a model.

Shapes: hidden (b, t, d), mask (b, t) with 1 at tokens and 0 at padding.
"""

import torch
from torch import Tensor


def masked_mse(hidden: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of (hidden - target)^2 over the tokens of `mask` and the d dimensions, as a scalar in fp32.

    `target` is (b, t, d), or (d,) for one that all tokens share. Equals `F.mse_loss(hidden[m], target[m])` with m = mask.bool().
    Follows the steering and retain losses of RMU (arXiv 2403.03218, eq. 1 and 2; centerforaisafety/wmdp rmu/unlearn.py),
    with two deviations: padding is left out, and the mean is taken in fp32.
    """
    square = (hidden.float() - target.float()).square().mean(dim=-1)
    return (square * mask).sum() / mask.sum()


def unit_vector(size: int, generator: torch.Generator) -> Tensor:
    """Return u (d,): uniform on [0, 1) in each dimension, scaled to unit L2 norm.

    RMU's random direction (arXiv 2403.03218, section 4; rmu/unlearn.py). It lies in the positive orthant, as released.
    """
    vector = torch.rand(size, generator=generator, device=generator.device)
    return vector / vector.norm()
