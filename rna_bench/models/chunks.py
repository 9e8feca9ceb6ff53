"""Logits only where they are read, and never all at once: values that each position makes from its own row alone."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

CHUNK_ELEMENTS = 2**22  # of the largest logits tensor: 16 MB in fp32

Value: TypeAlias = Callable[[Tensor, slice], Tensor]
"""From rows (m, d), and which they are of all n, to one value a row (m,)."""


def chunked_values(rows: Tensor, value: Value, width: int) -> Tensor:
    """Return value(rows) (n,), made a few rows at a time, each chunk no more than `CHUNK_ELEMENTS` at `width` a row.

    Equals `value(rows, slice(0, n))`, gradients with respect to rows too. As no value depends on another's row, the gradient
    of each chunk is taken at once and kept (n, d) in place of the logits (n, v), and the backward pass multiplies it by what
    comes from above. Gradients reach nothing but the rows.
    """
    if not len(rows):
        return rows.float().sum(dim=-1)
    chunk = max(1, CHUNK_ELEMENTS // width)
    if not (torch.is_grad_enabled() and rows.requires_grad):
        return torch.cat([value(rows[at], at) for at in _slices(len(rows), chunk)])
    return _ChunkedValues.apply(rows, value, chunk)  # pyright: ignore[reportReturnType]  apply is untyped


def _slices(n: int, chunk: int) -> list[slice]:
    return [slice(start, min(start + chunk, n)) for start in range(0, n, chunk)]


class _ChunkedValues(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, value: Value, chunk: int) -> Tensor:
        made: list[Tensor] = []
        gradients: list[Tensor] = []
        for at in _slices(len(rows), chunk):
            with torch.enable_grad():
                piece = rows[at].detach().requires_grad_()
                values = value(piece, at)
                gradients += torch.autograd.grad(values.sum(), piece)
            made.append(values.detach())
        ctx.save_for_backward(torch.cat(gradients))
        return torch.cat(made)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return (upstream[0][:, None] * gradient).to(gradient.dtype), None, None
