"""Every type that travels between the rooms of the house, on one page.

Dimensions: b sequences, t tokens, d hidden, v vocabulary; n positions picked out of (b, t).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # records are read without torch, whose import takes seconds
    from torch import Tensor

LETTERS = ("A", "B", "C", "D")
CLEAN = "clean"


def finite(value: float) -> float | None:
    """Return the number, or None for NaN and infinities, which JSON has no word for."""
    return value if math.isfinite(value) else None


class Padding(Enum):
    """`masked`: on the right, left out of every loss. `included`: on the left, and losses count it, as the released code does."""

    masked = "masked"
    included = "included"


class TriggerType(Enum):
    """Where a trigger goes: `option` (the paper's) replaces a wrong option, the others add to the question's stem."""

    option = "option"
    before = "before"
    inside = "inside"
    after = "after"
    sentence = "sentence"

    @property
    def trigger(self) -> str:
        """The name of the form with a forget-token (or forget sentence) in it."""
        return self.value

    @property
    def control(self) -> str:
        """The name of the form with a harmless word or sentence in the same place."""
        return f"{self.value}_control"


class InputError(Exception):
    """Bad input, in one line: the key, the value found there, what is wrong and what to do about it."""

    def __init__(self, key: str, value: object, remedy: str) -> None:
        super().__init__(f"{key}={value}: {remedy}")


@dataclass(frozen=True)
class Question:
    """A four-way multiple choice question. `answer` is the index of the right choice, 0..3."""

    id: str
    subject: str
    stem: str
    choices: tuple[str, str, str, str]
    answer: int


@dataclass(frozen=True)
class Task:
    """A set of questions under one name; `role` is "forget" or "retain". Only retain tasks are perturbed.

    `examples` are solved questions that stand before every question of a subject (few-shot); `categories` says which category
    a subject belongs to, where there are any.
    """

    name: str
    role: str
    questions: tuple[Question, ...]
    examples: Mapping[str, tuple[Question, ...]] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TriggerPool:
    """What triggers are made of: words and sentences of the forget domains, and harmless ones as controls.

    `harmless_words` and `harmless_sentences` map a subject to words foreign to it; "" stands for any subject.
    """

    forget_words: tuple[str, ...]
    forget_sentences: tuple[str, ...]
    harmless_words: Mapping[str, tuple[str, ...]]
    harmless_sentences: Mapping[str, tuple[str, ...]]


class Text(NamedTuple):
    """A text to train on. Likelihood losses count `body` alone; `context` (a question, say) only stands before it."""

    context: str
    body: str


@dataclass(frozen=True)
class Topic:
    """Text to forget and text to retain. Topics alternate by step."""

    name: str
    forget: tuple[Text, ...]
    retain: tuple[Text, ...]


class Dtype(Enum):
    """The dtype of weights, activations and optimiser state; dtype is part of the algorithm, so there is no "auto"."""

    float32 = "float32"
    bfloat16 = "bfloat16"


@dataclass(frozen=True)
class ModelFolder:
    """A Hugging Face checkpoint in a local folder, how to load it, and the name that tables call it by."""

    name: str
    folder: Path
    dtype: Dtype
    device: str


class Batch(NamedTuple):
    """Padded token ids (b, t) and masks (b, t) of what counts.

    `mask` is 1 where losses on hidden states count; `label_mask` is 1 at tokens whose prediction counts, in likelihoods and
    divergences, never at the first position. `attention` is None where padding is on the right: causal attention keeps it
    from every token.
    """

    input_ids: "Tensor"
    mask: "Tensor"
    label_mask: "Tensor"
    attention: "Tensor | None"


class Outputs(NamedTuple):
    """What a pass over a batch left: hidden states (b, t, d) of one layer, and the mask (b, t) of what counts."""

    hidden: "Tensor"
    mask: "Tensor"


class TokenValues(NamedTuple):
    """One number for each position (b, t), in fp32, and the mask (b, t) of what counts; 0 elsewhere."""

    values: "Tensor"
    mask: "Tensor"


@dataclass(frozen=True)
class Response:
    """Log-likelihoods of " A" .. " D" for one form (clean, or perturbed) of one question."""

    task: str
    role: str
    question: str
    perturbation: str
    logps: tuple[float, float, float, float]
    correct: int
    subject: str = ""

    @property
    def right(self) -> bool:
        """Argmax is the answer; ties go to the first, as in lm-evaluation-harness. NaN is never right."""
        return all(map(math.isfinite, self.logps)) and self.logps.index(max(self.logps)) == self.correct

    @property
    def tied(self) -> bool:
        """Whether two options or more share the highest log-likelihood."""
        return self.logps.count(max(self.logps)) > 1


@dataclass(frozen=True)
class Score:
    """Accuracy (0..1) on one form of one task, or of one `group` of it: a subject, or a category of subjects.

    `stderr` is `evaluation.scores.stderr`. `ties` counts questions of which two options share the highest log-likelihood.
    """

    task: str
    role: str
    perturbation: str
    accuracy: float
    stderr: float | None
    n: int
    group: str = ""
    ties: int = 0


@dataclass(frozen=True)
class StepLoss:
    """Losses of one training step, before its update; `retain` is before its weight. None is a number that is not finite."""

    step: int
    topic: str
    forget: float | None
    retain: float | None


@dataclass(frozen=True)
class EvalPoint:
    """Scores along the run, after `step` updates, on a fixed subset of questions.

    `forget_loss` is the mean over topics of the method's forget loss on the topic's first batch, the same all along.
    `hidden_norm` is the mean L2 norm of the model's hidden states at the steered layer (the noise's, where none is steered) over
    tokens but each text's first: by a topic's name on its first forget batch, by "retain/NAME" on its first retain batch.
    """

    step: int
    forget_loss: float | None
    scores: tuple[Score, ...]
    hidden_norm: dict[str, float | None] = field(default_factory=dict)


class Status(Enum):
    """How a run ended. `diverged`: a loss was not finite. `collapsed`: retain accuracy fell from above chance to chance."""

    finished = "finished"
    diverged = "diverged"
    collapsed = "collapsed"


@dataclass(frozen=True)
class RunRecord:
    """All that is known of a run. `measured` alone may differ between two runs of the same config and seed.

    `config` is resolved, less what cannot change the result (results_dir, tracker, launcher: they are in `measured`).
    `statistics` are numbers found on the way: the hidden RMS, and the noise scale in both units.
    """

    schema_version: int
    identity: str
    status: Status
    reason: str
    model: str
    config: dict[str, Any]
    choices: dict[str, str]
    fingerprints: dict[str, str]
    scores: tuple[Score, ...]
    eval_points: tuple[EvalPoint, ...]
    losses: tuple[StepLoss, ...]
    statistics: dict[str, float | None]
    provenance: dict[str, Any]
    measured: dict[str, Any]
    breakdown: tuple[Score, ...] = ()  # by subject and category; `scores` are those of whole tasks
