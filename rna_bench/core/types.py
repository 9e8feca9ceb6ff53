"""The types that packages exchange. Dimensions: b sequences, t tokens, d hidden, v vocabulary; n selected positions of (b, t)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rna_bench.core.attention import AttentionKernel
from rna_bench.core.measures import Generation, Perplexity
from rna_bench.core.perturbed import GivenQuestion, Pairing

if TYPE_CHECKING:  # records are read without torch, whose import takes seconds
    from torch import Tensor

LETTERS = ("A", "B", "C", "D")
CLEAN = "clean"


def finite(value: float) -> float | None:
    """Return the number, or None for NaN and infinities, which JSON cannot represent."""
    return value if math.isfinite(value) else None


class Padding(Enum):
    """`masked`: on the right, excluded from every loss. `included`: on the left and part of every loss, as in the released code."""

    masked = "masked"
    included = "included"


class TriggerType(Enum):
    """Where a trigger is: `option` (the paper's, as we understand it) replaces a wrong option, `given` is as the dataset has it.

    The others add to the question's stem.
    """

    option = "option"
    before = "before"
    inside = "inside"
    after = "after"
    sentence = "sentence"
    given = "given"

    @property
    def trigger(self) -> str:
        """The name of the perturbation with a forget-token (or a sentence from a forget domain)."""
        return self.value

    @property
    def control(self) -> str:
        """The name of the perturbation with a harmless word or sentence in the same place."""
        return f"{self.value}_control"


class InputError(Exception):
    """Bad input, reported in one line: the key, its value, what is wrong and what to do about it."""

    def __init__(self, key: str, value: object, remedy: str) -> None:
        super().__init__(f"{key}={value}: {remedy}")


@dataclass(frozen=True)
class Question:
    """A four-way multiple-choice question. `answer` is the index of the correct choice, 0..3."""

    id: str
    subject: str
    stem: str
    choices: tuple[str, str, str, str]
    answer: int


@dataclass(frozen=True)
class Task:
    """A named set of questions; `role` is "forget" or "retain". Only retain tasks are perturbed.

    `examples` are the solved questions that precede every question of a subject; `categories` maps subjects to categories. Where
    `questions` are a sample, `populations` says how many questions each subject has. `given` has those that come perturbed, by the
    ids of the clean ones, and `pairing` says how they were paired. `stems` has other wordings, likewise.
    """

    name: str
    role: str
    questions: tuple[Question, ...]
    examples: Mapping[str, tuple[Question, ...]] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    populations: Mapping[str, int] = field(default_factory=dict)
    given: Mapping[str, GivenQuestion] = field(default_factory=dict)
    pairing: Pairing | None = None
    stems: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Text(NamedTuple):
    """A training text: `context` (for instance a question) followed by `body`. Likelihood losses are taken over the body only."""

    context: str
    body: str


@dataclass(frozen=True)
class Topic:
    """Texts to forget and texts to retain. Training steps alternate between topics."""

    name: str
    forget: tuple[Text, ...]
    retain: tuple[Text, ...]


class Dtype(Enum):
    """The dtype of weights, activations and optimiser state; it is part of the algorithm, so there is no "auto"."""

    float32 = "float32"
    bfloat16 = "bfloat16"


@dataclass(frozen=True)
class ModelFolder:
    """A Hugging Face checkpoint in a local folder, how to load it, and its name in tables."""

    name: str
    folder: Path
    dtype: Dtype
    device: str
    attention: AttentionKernel | None = None  # None: transformers' own choice


class Batch(NamedTuple):
    """Padded token ids (b, t) and masks (b, t): `mask` is 1 at positions that losses on hidden states include.

    `label_mask` is 1 at tokens whose prediction is part of likelihoods and divergences, never at the first position. `attention`
    is None if padding is on the right, where causal attention hides it from every token.
    """

    input_ids: "Tensor"
    mask: "Tensor"
    label_mask: "Tensor"
    attention: "Tensor | None"


class TokenValues(NamedTuple):
    """One number for each position (b, t), in fp32, and the mask (b, t) of positions that losses include; 0 elsewhere."""

    values: "Tensor"
    mask: "Tensor"


@dataclass(frozen=True)
class Response:
    """Log-likelihoods of " A" .. " D" for one question, clean or under one perturbation."""

    task: str
    role: str
    question: str
    perturbation: str
    logps: tuple[float, float, float, float]
    correct: int
    subject: str = ""

    @property
    def right(self) -> bool:
        """Whether the most likely choice is the answer; ties go to the first, as in lm-evaluation-harness. NaN is never right."""
        return all(map(math.isfinite, self.logps)) and self.logps.index(max(self.logps)) == self.correct

    @property
    def tied(self) -> bool:
        """Whether two or more choices share the highest log-likelihood."""
        return self.logps.count(max(self.logps)) > 1


@dataclass(frozen=True)
class Score:
    """Accuracy (0..1) on a task under one perturbation, or on one `group` of it: a subject, or a category of subjects.

    `stderr` is computed by `evaluation.scores.stderr`. `ties` counts questions with two or more most likely choices. `population`
    is how many questions the `n` are a sample of; None where all were asked.
    """

    task: str
    role: str
    perturbation: str
    accuracy: float
    stderr: float | None
    n: int
    group: str = ""
    ties: int = 0
    population: int | None = None


@dataclass(frozen=True)
class StepLoss:
    """Losses of one training step, before its update; `retain` is unweighted. None stands for a number that is not finite."""

    step: int
    topic: str
    forget: float | None
    retain: float | None


@dataclass(frozen=True)
class EvalPoint:
    """Scores during training, after `step` updates, on a fixed subset of questions.

    `forget_loss` is the mean over topics of the method's forget loss on the topic's first batch, the same batch at each step.
    `hidden_norm` is the mean L2 norm of hidden states at the steered layer (if none is steered, the highest trained one) over
    tokens except the first of each text, by topic: NAME on its first forget batch, "retain/NAME" on its first retain batch.
    """

    step: int
    forget_loss: float | None
    scores: tuple[Score, ...]
    hidden_norm: dict[str, float | None] = field(default_factory=dict)


class Status(Enum):
    """How a run ended. `diverged`: a loss was not finite. `collapsed`: retain accuracy fell from above chance to chance level."""

    finished = "finished"
    diverged = "diverged"
    collapsed = "collapsed"


@dataclass(frozen=True)
class RunRecord:
    """Everything recorded about a run. Only `measured` may differ between two runs of the same config and seed.

    `config` is resolved and omits what cannot change the result (results_dir, tracker, launcher), which is in `measured`.
    `statistics`: the hidden RMS, and the noise scale in both units. `sha256`: hashes by file name; the record's omits `measured`.
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
    breakdown: tuple[Score, ...] = ()  # by subject and category; `scores` has whole tasks
    sha256: dict[str, str] = field(default_factory=dict)
    perplexity: Perplexity | None = None  # on held-out retain text; earlier records have none
    generation: tuple[Generation, ...] = ()
    pairings: dict[str, Pairing] = field(default_factory=dict)  # of tasks whose questions come perturbed
