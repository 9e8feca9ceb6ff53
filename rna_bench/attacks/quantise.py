"""Quantisation: weights rounded to few bits, which may undo small changes of them that unlearning made.

Zhang et al., "Catastrophic Failure of LLM Unlearning via Quantization" (arXiv 2410.16454, section 3): round to nearest.
Deviation: a scale for each group of inputs instead of the whole row. The rounded weights are computed with in the model's own
dtype; no quantised kernel is used, so that any machine gives the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from rna_bench.attacks.cost import AttackCost
from rna_bench.attacks.protocol import AttackStage, AttackText, Target
from rna_bench.core.types import InputError
from rna_bench.models.policies import attacked_tensors


@dataclass(frozen=True)
class Quantise:
    """Round the matrices that `parameters` names to each number of `bits`, with a scale for each `group_size` inputs of a row."""

    bits: list[int]
    group_size: int
    parameters: str
    facts = 0  # none is taught again

    def __post_init__(self) -> None:
        if not self.bits or any(not 2 <= bits <= 16 for bits in self.bits):
            raise InputError("attack.*.bits", self.bits, "give numbers from 2 to 16, as [8,4]")
        if self.group_size < 1:
            raise InputError("attack.*.group_size", self.group_size, "give 1 or more")

    def cost(self) -> AttackCost:
        """Return what it takes."""
        return AttackCost(len(self.bits), copied=self.parameters)

    @torch.no_grad()
    def stages(self, target: Target, text: AttackText, random: Random) -> Iterator[AttackStage]:
        """Yield a stage for each number of bits."""
        matrices = [tensor for tensor in attacked_tensors(target.model, self.parameters).values() if tensor.ndim == 2]
        own = [matrix.detach().clone() for matrix in matrices]
        for bits in self.bits:
            for matrix, values in zip(matrices, own, strict=True):
                matrix.copy_(rounded_to_nearest(values, bits, self.group_size))
            yield AttackStage(0, f"int{bits}", target.ask)


def rounded_to_nearest(weights: Tensor, bits: int, group_size: int) -> Tensor:
    """Return weights (n, m) as round(w / s) * s, in fp32, with s = max|w| / (2^(bits - 1) - 1) of each group of a row's inputs.

    The last group of a row may be smaller; a group of zeros stays.
    """
    most = 2 ** (bits - 1) - 1
    groups = []
    for group in weights.float().split(group_size, dim=1):
        scale = group.abs().amax(dim=1, keepdim=True) / most
        groups.append(torch.where(scale > 0, (group / scale).round() * scale, group))
    return torch.cat(groups, dim=1)
