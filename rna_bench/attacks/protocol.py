"""What an attack is. It changes or reads an unlearned model, and never sees the questions that it is judged on.

Whoever runs an attack splits the facts to be forgotten: texts about some of them are given to the attack, and questions about the
others are asked by the runner, through the readout of each stage.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rna_bench.core.types import InputError, Response, Text
from rna_bench.data.facts import FactTexts
from rna_bench.evaluation.requests import EvalSet

Readout: TypeAlias = Callable[[EvalSet], list[Response]]
"""Gives the log-probabilities of the four letters for each request, in order."""


@dataclass(frozen=True)
class Target:
    """The model under attack, its weights those of the run; `ask` reads the answers that the model itself gives.

    `reference` has the values of the trained tensors, by name, in the reference model: for a diagnostic alone, else empty.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    ask: Readout
    reference: Mapping[str, Tensor] = field(default_factory=dict)


class TextKind(Enum):
    """`questions` with the letter of their answer, or `documents`."""

    questions = "questions"
    documents = "documents"


class TextSide(Enum):
    """What the text is about: the facts that are taught again, or harmless facts alone."""

    retaught = "retaught"
    retain = "retain"


def check_facts(facts: int, about: TextSide) -> None:
    """Raise InputError unless facts are taught again where texts are about them, and none where they are not."""
    if (facts < 1) == (about is TextSide.retaught) or facts < 0:
        remedy = "give 1 or more with about=retaught, of each task, and 0 with about=retain"
        raise InputError("attack.*.facts", facts, remedy)


@dataclass(frozen=True)
class AttackText:
    """What an attack may see: texts about the facts that are taught again, and about harmless facts; the former also by task."""

    retaught: FactTexts
    retain: FactTexts
    by_task: Mapping[str, FactTexts] = field(default_factory=dict)

    def of(self, kind: TextKind, about: TextSide) -> tuple[Text, ...]:
        """Return the texts of one kind; none at all raises InputError."""
        side = self.retaught if about is TextSide.retaught else self.retain
        texts = side.questions if kind is TextKind.questions else side.documents
        if not texts:
            what = f"there are no {kind.value} about {about.value} facts of these datasets"
            raise InputError("attack.*.text", kind.value, f"{what}; give questions, or leave this attack out")
        return texts


class AttackStage(NamedTuple):
    """A state of the attack to be judged: the budget spent so far, and how answers are read in this state.

    `variant` tells states apart that have spent the same budget, as two precisions; "" where there is one. `found` is what is worth
    keeping of the state, as a learned suffix: plain values for the record, by name.
    """

    budget: int
    variant: str
    readout: Readout
    found: Mapping[str, Any] = MappingProxyType({})


class Attack(Protocol):
    """An attack. `facts` of each task to be forgotten are taught again; the others are asked at every stage.

    `stages` may change the model in any way: a stage holds until the next one is asked for, and afterwards the runner restores
    the model.
    """

    @property
    def facts(self) -> int: ...
    def stages(self, target: Target, text: AttackText, random: Random) -> Iterator[AttackStage]: ...


@runtime_checkable
class Diagnostic(Protocol):
    """What an attack has besides where it may see the reference model's tensors, as no attacker can: no depth is made of it."""

    @property
    def sees_reference(self) -> bool: ...


def sees_reference(attack: Attack) -> bool:
    """Return whether an attack is a diagnostic, to which the reference model's tensors are given."""
    return isinstance(attack, Diagnostic) and attack.sees_reference


def check_rising(key: str, values: Sequence[int], things: str) -> None:
    """Raise InputError unless these are numbers of `things` from 0 on, in rising order."""
    if not values or values[0] < 0 or any(one >= other for one, other in pairwise(values)):
        raise InputError(f"attack.*.{key}", values, f"give numbers of {things} in rising order, as [0,1,4,16]")


def check_percent(percent: Sequence[int]) -> None:
    """Raise InputError unless these are shares in percent, in rising order."""
    if not percent or not 0 <= percent[0] <= percent[-1] <= 100 or any(one >= other for one, other in pairwise(percent)):
        raise InputError("attack.*.percent", percent, "give numbers from 0 to 100 in rising order, as [0,25,50,75,100]")
