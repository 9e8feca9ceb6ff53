"""Sharpness-aware minimisation (SAM, arXiv 2010.01412) of the forget loss, as arXiv 2502.05374 has it against relearning.

The forget loss's gradient is taken at theta + rho * g / |g|, g its gradient at theta and |g| over all trained tensors; the retain
loss's at theta. So does the code of arXiv 2502.05374 (github.com/OPTML-Group/Unlearn-Smooth, read in a copy of it, `SAMTrainer`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@torch.no_grad()
def ascent(parameters: Sequence[nn.Parameter], radius: float) -> list[Tensor]:
    """Return radius * g / |g| of the parameters' gradients g, which are cleared; 0 where there is no gradient at all."""
    gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in parameters]
    norm = (
        torch.stack([gradient.float().norm().cpu() for gradient in gradients]).norm().item()
    )  # tensors may lie on several devices
    for one in parameters:
        one.grad = None
    return [gradient * (radius / norm if norm else 0.0) for gradient in gradients]


@contextmanager
def displaced(parameters: Sequence[nn.Parameter], by: Sequence[Tensor]) -> Iterator[None]:
    """Add `by` to the parameters, and put back what they were, to the bit."""
    with torch.no_grad():
        before = [one.detach().clone() for one in parameters]
        for one, step in zip(parameters, by, strict=True):
            one.add_(step)
    try:
        yield
    finally:
        with torch.no_grad():
            for one, old in zip(parameters, before, strict=True):
                one.copy_(old)
