"""An optimiser that keeps fp32 copies of bf16 weights, so that steps too small for bf16 add up."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

MASTER = "master"


class MasterWeights(torch.optim.Optimizer):
    """Steps an fp32 copy of each weight, its gradient and state in fp32 too; the weights are the rounded copy after each step.

    Its state is that of the optimiser that `make` returns for the copies, with each weight's copy under `master`.
    """

    def __init__(self, weights: Sequence[nn.Parameter], make: Callable[[list[nn.Parameter]], torch.optim.Optimizer]) -> None:
        super().__init__(weights, {})
        self._weights = list(weights)
        self._copies = [nn.Parameter(weight.detach().float().clone()) for weight in weights]
        self._inner = make(self._copies)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  as ours has no closure
        """Update the copies by the weights' gradients, and round them into the weights."""
        for copy, weight in zip(self._copies, self._weights, strict=True):
            copy.grad = None if weight.grad is None else weight.grad.float()
        self._inner.step()
        for copy, weight in zip(self._copies, self._weights, strict=True):
            copy.grad = None
            weight.copy_(copy)

    def state_dict(self) -> dict[str, Any]:
        """Return the state, with the copies, by the number of the weight."""
        inner = self._inner.state_dict()
        own = inner["state"]
        return {**inner, "state": {n: {**own.get(n, {}), MASTER: copy.detach()} for n, copy in enumerate(self._copies)}}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put a state back, and the copies rounded into the weights."""
        states: dict[int, dict[str, Any]] = {n: dict(own) for n, own in state_dict["state"].items()}
        saved: list[Tensor] = [states[n].pop(MASTER) for n in range(len(self._copies))]
        for copy, weight, master in zip(self._copies, self._weights, saved, strict=True):
            copy.copy_(master)
            weight.copy_(copy)
        self._inner.load_state_dict({**state_dict, "state": {n: own for n, own in states.items() if own}})
