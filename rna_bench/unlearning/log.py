"""The log of a training, and the protocol of what saves its state to continue from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import torch

from rna_bench.core.types import EvalPoint, Score, StepLoss
from rna_bench.models.segments import Policy


@dataclass
class TrainingLog:
    """What happened: losses by step, scores along the run, the noise in both units, and why training stopped early, if it did."""

    losses: list[StepLoss] = field(default_factory=list)
    eval_points: list[EvalPoint] = field(default_factory=list)
    statistics: dict[str, float | None] = field(default_factory=dict)
    diverged: str = ""

    def events(self) -> list[StepLoss | EvalPoint]:
        """Return eval points and losses in the order of their steps: the eval point after n steps before the loss of step n."""
        return sorted([*self.eval_points, *self.losses], key=lambda event: event.step)


Evaluate: TypeAlias = Callable[[int], tuple[Score, ...] | None]
"""Called before the first step (0) and after each (1, 2, ...); returns scores where an eval step is due."""
Progress: TypeAlias = Callable[[StepLoss | EvalPoint], None]
"""Called with each step's losses and each eval point, in their order; after an interruption, first with those from before it."""


class Checkpointer(Protocol):
    """What saves the state of training, so that it can go on after an interruption.

    `restore` puts back the state that was saved, if any, and returns its log; `after_step` may save the present state.
    """

    def restore(self, policy: Policy, optimizer: torch.optim.Optimizer) -> TrainingLog | None: ...
    def after_step(self, policy: Policy, optimizer: torch.optim.Optimizer, log: TrainingLog) -> None: ...


@dataclass(frozen=True)
class NoCheckpointer:
    """Saves nothing."""

    def restore(self, policy: Policy, optimizer: torch.optim.Optimizer) -> None:
        """Return None: there is no state."""

    def after_step(self, policy: Policy, optimizer: torch.optim.Optimizer, log: TrainingLog) -> None:
        """Save nothing."""


NO_CHECKPOINTER = NoCheckpointer()
