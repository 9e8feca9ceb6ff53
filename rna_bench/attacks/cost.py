"""What an attack takes, in units that `rna-bench doctor` turns into hours and bytes by a model's dimensions."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Updates:
    """`steps` updates of `batch_size` texts of at most `tokens` tokens, of the tensors that `parameters` names; AdamW.

    `rank` is that of adapters that are trained in their place; 0 if there are none.
    """

    steps: int
    batch_size: int
    tokens: int
    parameters: str
    rank: int = 0


@dataclass(frozen=True)
class AttackCost:
    """All questions are run `rounds` times; before, the attack's texts once if `reads_texts`, and so many `prompts` more.

    A backward pass of these, to the embeddings, has `backward` prompts; one counts as two forward passes. `copied` names tensors
    that are copied, and `fits` is the number of probes that are fitted for each layer to the texts' hidden states. An attack that
    takes anything else has no cost that is known.
    """

    rounds: int
    updates: Updates | None = None
    reads_texts: bool = False
    copied: str = ""
    fits: int = 0
    prompts: int = 0
    backward: int = 0


@runtime_checkable
class Costed(Protocol):
    """An attack that says what it takes; others run as well."""

    def cost(self) -> AttackCost: ...
