"""Interpolation: trained tensors are moved towards the reference model's, in equal shares of the way.

A diagnostic, no attack: it sees the original weights. Which share of what unlearning changed has to be taken back? The line between
two models' weights is that of Wortsman et al., "Robust fine-tuning of zero-shot models" (arXiv 2109.01903, eq. 1).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from rna_bench.attacks.cost import AttackCost
from rna_bench.attacks.protocol import AttackStage, AttackText, Target, check_percent


@dataclass(frozen=True)
class Interpolate:
    """Go each number of `percent` of the way from the run's weights, 0, to the reference model's, 100; it is the budget."""

    percent: list[int]
    facts = 0  # none is taught again
    sees_reference = True

    def __post_init__(self) -> None:
        check_percent(self.percent)

    def cost(self) -> AttackCost:
        """Return what it takes, but for copies of the trained tensors."""
        return AttackCost(len(self.percent))

    @torch.no_grad()
    def stages(self, target: Target, text: AttackText, random: Random) -> Iterator[AttackStage]:
        """Yield a stage for each share of the way. Of a model that was not trained, all are the same."""
        trained = {name: target.model.get_parameter(name) for name in target.reference}
        own = {name: tensor.detach().clone() for name, tensor in trained.items()}
        for percent in self.percent:
            for name, tensor in trained.items():
                tensor.copy_(between(own[name], target.reference[name], percent / 100))
            yield AttackStage(percent, "", target.ask)


def between(start: Tensor, end: Tensor, share: float) -> Tensor:
    """Return start + share * (end - start), in fp32; exactly `start` at 0 and `end` at 1."""
    return torch.lerp(start.float(), end.float(), share)
