"""Examples of questions that a trigger breaks, with the replies of several models: their types, and their file."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rna_bench.core.files import unwritable, write_atomically
from rna_bench.core.types import InputError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

EXAMPLES = "examples.json"
"""The name of a file of examples beside the folders of runs that they are of."""
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class ShownModel:
    """A model whose replies are shown. `run` is its identity, "" for a base model without a run.

    Of `asked` questions, `flips` were right clean and with the control and wrong with the trigger, by the run's responses; None
    for a base model without a run.
    """

    label: str
    run: str
    flips: int | None = None
    asked: int | None = None


@dataclass(frozen=True)
class Reply:
    """A model's reply to a prompt: the probabilities of A .. D among these four, and of the four together among all tokens.

    They are None where the model's log-likelihoods are not finite. `continuation` is the greedy one, None where no text is kept.
    """

    probabilities: tuple[float, float, float, float] | None
    mass: float | None
    continuation: str | None

    @property
    def choice(self) -> int | None:
        """The index of the most likely choice; of equal ones the first, as in scores."""
        return self.probabilities.index(max(self.probabilities)) if self.probabilities else None


@dataclass(frozen=True)
class ShownPrompt:
    """A question clean or perturbed, and each model's reply. Stem and choices are None where no text is kept."""

    perturbation: str
    stem: str | None
    choices: tuple[str, str, str, str] | None
    replies: tuple[Reply, ...]


@dataclass(frozen=True)
class Example:
    """A question and the index of its answer: clean, and with a trigger."""

    task: str
    subject: str
    question: str
    answer: int
    clean: ShownPrompt
    perturbed: ShownPrompt


@dataclass(frozen=True)
class Examples:
    """Questions with the replies of models, base first, in the same order in each reply. `model` is the base model's name."""

    schema_version: int
    model: str
    seed: int
    trigger_type: str
    models: tuple[ShownModel, ...]
    examples: tuple[Example, ...]


def save_examples(path: Path, examples: Examples) -> None:
    """Write examples as JSON, atomically."""
    text = json.dumps(json.loads(_adapter().dump_json(examples)), indent=1, ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda draft: draft.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise unwritable(path, error, "--save") from error


def read_examples(path: Path) -> Examples:
    """Return the examples in a file; one that is damaged or of another version raises InputError."""
    from pydantic import ValidationError

    try:
        examples = _adapter().validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        remedy = "cannot be read as examples; make it again with `rna-bench show ... --save`, or remove it"
        raise InputError("examples", path, remedy) from error
    if examples.schema_version != SCHEMA_VERSION:
        remedy = f"this version reads {SCHEMA_VERSION}; make it again with `rna-bench show ... --save`, or remove it"
        raise InputError("examples", path, f"is of schema {examples.schema_version}; {remedy}")
    return examples


@cache
def _adapter() -> "TypeAdapter[Examples]":
    from pydantic import TypeAdapter

    return TypeAdapter(Examples)
