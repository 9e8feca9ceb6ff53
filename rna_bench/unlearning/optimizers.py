"""Optimisers as configuration. State is kept in the weights' dtype, in bfloat16 all of it, unless there are master weights."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import torch
from torch import nn

from rna_bench.core.types import InputError
from rna_bench.unlearning.master_weights import MasterWeights


class Optimizer(Protocol):
    """What makes an optimiser of given parameters and learning rate."""

    def make(self, parameters: Iterable[nn.Parameter], lr: float) -> torch.optim.Optimizer: ...


class AdamWVariant(Enum):
    """Where epsilon is added.

    `torch`: PyTorch's, to the root of the bias-corrected second moment (arXiv 1711.05101). `transformers`: that of transformers
    before version 5, which the released code used, before bias correction: epsilon weighs 1 / sqrt(1 - beta2^t) times as much, 32
    times at the first step, and decay comes after the update.
    """

    torch = "torch"
    transformers = "transformers"


@dataclass(frozen=True)
class AdamW:
    """AdamW, as `variant` says. With `master_weights`, fp32 copies of bf16 weights are trained; fp32 weights need none."""

    betas: list[float]
    eps: float
    weight_decay: float
    variant: AdamWVariant = AdamWVariant.torch
    master_weights: bool = False

    def __post_init__(self) -> None:
        for key, value in (("eps", self.eps), ("weight_decay", self.weight_decay)):
            if not 0 <= value < math.inf:
                raise InputError(f"optimizer.{key}", value, "give 0 or more")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise InputError("optimizer.betas", self.betas, "give two numbers from 0 to below 1")

    def make(self, parameters: Iterable[nn.Parameter], lr: float) -> torch.optim.Optimizer:
        """Return the optimiser of the parameters."""
        weights = list(parameters)
        if self.master_weights and any(weight.dtype != torch.float32 for weight in weights):
            return MasterWeights(weights, lambda copies: self._plain(copies, lr))
        return self._plain(weights, lr)

    def _plain(self, parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
        b1, b2 = self.betas
        if self.variant is AdamWVariant.torch:
            return torch.optim.AdamW(parameters, lr=lr, betas=(b1, b2), eps=self.eps, weight_decay=self.weight_decay)
        return _TransformersAdamW(parameters, {"lr": lr, "b1": b1, "b2": b2, "eps": self.eps, "weight_decay": self.weight_decay})


class _TransformersAdamW(torch.optim.Optimizer):
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  as ours has no closure
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    _update(parameter, parameter.grad, self.state[parameter], group)


def _update(parameter: nn.Parameter, grad: torch.Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    """Update one tensor: p -= lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps), then p -= lr * decay * p."""
    if not state:
        state |= {"step": 0, "m": torch.zeros_like(parameter), "v": torch.zeros_like(parameter)}
    state["step"] += 1
    m, v, t, b1, b2 = state["m"], state["v"], state["step"], group["b1"], group["b2"]
    m.mul_(b1).add_(grad, alpha=1 - b1)
    v.mul_(b2).addcmul_(grad, grad, value=1 - b2)
    size = group["lr"] * math.sqrt(1 - b2**t) / (1 - b1**t)
    parameter.addcdiv_(m, v.sqrt().add_(group["eps"]), value=-size)
    if group["weight_decay"]:
        parameter.add_(parameter, alpha=-group["lr"] * group["weight_decay"])
