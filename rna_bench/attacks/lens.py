"""The logit lens: the model's own last norm and head, applied to the hidden states after each layer.

nostalgebraist, "interpreting GPT: the logit lens" (LessWrong, 2020); on unlearned models Lucki et al., "An Adversarial Perspective
on Machine Unlearning for AI Safety" (arXiv 2409.18025). Deviation: outputs of whole layers alone, not those of their attention
and MLP. The lens of the last layer is the model's own answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from torch import Tensor

from rna_bench.attacks.cost import AttackCost
from rna_bench.attacks.layer_stages import layer_stages
from rna_bench.attacks.protocol import AttackStage, AttackText, Target
from rna_bench.core.types import InputError
from rna_bench.models.trees import choice_logps, final_states


@dataclass(frozen=True)
class Lens:
    """Read the letters off the hidden states after each layer, a variant each, in batches of `batch_tokens` tokens."""

    batch_tokens: int
    facts = 0  # none is taught again

    def __post_init__(self) -> None:
        if self.batch_tokens < 1:
            raise InputError("attack.*.batch_tokens", self.batch_tokens, "give 1 or more, as 8192")

    def cost(self) -> AttackCost:
        """Return what it takes."""
        return AttackCost(1)

    def stages(self, target: Target, text: AttackText, random: Random) -> Iterator[AttackStage]:
        """Yield a stage for each layer."""
        model = target.model

        def read(states: Tensor, letters: Sequence[int]) -> Tensor:
            rows = choice_logps(model, final_states(model, states.flatten(0, 1)), letters)
            return rows.unflatten(0, states.shape[:2])

        yield from layer_stages(model, 0, self.batch_tokens, read)
