"""What questions are perturbed with: words and sentences to put into them, or questions that come perturbed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # types.py has a Task of these
    from rna_bench.core.types import Question


@dataclass(frozen=True)
class TriggerPool:
    """What triggers are made from: words and sentences of forget domains; harmless ones by a subject foreign to them, "" any."""

    forget_words: tuple[str, ...]
    forget_sentences: tuple[str, ...]
    harmless_words: Mapping[str, tuple[str, ...]]
    harmless_sentences: Mapping[str, tuple[str, ...]]


class Slot(NamedTuple):
    """Where a forget word stands in a question that comes perturbed: `part` is 0 for the stem, 1 to 4 for a choice."""

    part: int
    start: int
    end: int


@dataclass(frozen=True)
class GivenQuestion:
    """A question as it comes perturbed, and the forget words in it, which a control replaces by a harmless one."""

    question: "Question"
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class Pairing:
    """How questions that come perturbed were paired with clean ones, and what was changed in each.

    `usable` pairs are asked, less what a sample or a limit leaves out. `found` counts pairs by how they were found, `changed` by
    what differs; `wrong_options` says of the pairs with one wrong option replaced how often it was the first, second and third of
    the three. `left_out` has the ids of what is not asked, by reason; `questions` what was changed in which question: change ->
    beginning of the id -> the numbers after it.
    """

    usable: int
    found: dict[str, int]
    changed: dict[str, int]
    wrong_options: tuple[int, int, int]
    left_out: dict[str, list[str]]
    questions: dict[str, dict[str, list[int]]]

    @property
    def lines(self) -> tuple[str, ...]:
        """How many pairs were found, what was changed, and what is left out, in words."""
        first, second, third = self.wrong_options
        wrong = f"; of the three wrong options the first {first:,}, the second {second:,}, the third {third:,}"
        left_out = _counts({reason: len(ids) for reason, ids in self.left_out.items()})
        return (
            f"{sum(self.found.values()):,} pairs (by {_counts(self.found)}), {self.usable:,} of them usable",
            f"changed: {_counts(self.changed)}{wrong if any(self.wrong_options) else ''}",
            f"left out: {left_out}",
        )

    def __str__(self) -> str:
        return "; ".join(self.lines)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
