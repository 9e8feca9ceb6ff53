"""Pruning what changed most: the entries of trained tensors that unlearning moved farthest are set to zero, or back.

A diagnostic, no attack: it sees the original weights. In how few entries does the change lie that hides the knowledge? Putting
back those that moved most is grafting (Panigrahi et al., "Task-Specific Skill Localization in Fine-tuned Language Models", arXiv
2302.06600) onto the unlearned model, by the size of the change instead of a mask that is learned. Setting them to zero is pruning,
which Łucki et al. (arXiv 2409.18025, after Wei et al., arXiv 2402.05162) do to what matters for forget text and not for other text;
deviation: what changed most is chosen instead, which needs no text.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from random import Random

import torch
from torch import Tensor

from rna_bench.attacks.cost import AttackCost
from rna_bench.attacks.protocol import AttackStage, AttackText, Target, check_percent


class Replacement(Enum):
    """What takes the place of an entry that changed: nothing, or its value in the reference model."""

    zero = "zero"
    reference = "reference"


@dataclass(frozen=True)
class Prune:
    """Replace each number of `percent` of the trained tensors' entries, those that changed most; it is the budget.

    Each kind of `replacements` is a variant. Entries that did not change stay.
    """

    percent: list[int]
    replacements: list[Replacement]
    facts = 0  # none is taught again
    sees_reference = True

    def __post_init__(self) -> None:
        check_percent(self.percent)

    def cost(self) -> AttackCost:
        """Return what it takes, but for copies of the trained tensors."""
        return AttackCost(len(self.percent) * len(self.replacements))

    @torch.no_grad()
    def stages(self, target: Target, text: AttackText, random: Random) -> Iterator[AttackStage]:
        """Yield a stage for each replacement and share of the entries. Of a model that was not trained, all are the same."""
        trained = {name: target.model.get_parameter(name) for name in target.reference}
        own = {name: tensor.detach().clone() for name, tensor in trained.items()}
        changes = {name: (own[name].float() - target.reference[name].float()).abs() for name in trained}
        bounds = {percent: least_of_largest(changes, percent / 100) for percent in self.percent}
        for replacement in self.replacements:
            for percent, bound in bounds.items():
                for name, tensor in trained.items():
                    other = target.reference[name] if replacement is Replacement.reference else torch.zeros_like(own[name])
                    tensor.copy_(torch.where(changes[name] >= bound, other, own[name]))
                yield AttackStage(percent, replacement.value, target.ask)


def least_of_largest(changes: Mapping[str, Tensor], share: float) -> float:
    """Return the least of the largest entries that make up a share of all; infinity for none, above 0 in any case."""
    entries = torch.cat([change.flatten().cpu() for change in changes.values()]) if changes else torch.empty(0)
    count = round(share * entries.numel())
    if not count:
        return float("inf")
    least = entries.kthvalue(entries.numel() - count + 1).values.item()
    return least or torch.finfo(torch.float32).tiny
