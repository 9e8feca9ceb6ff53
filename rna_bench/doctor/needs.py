"""From a plan and the dimensions of its model to what the run needs: bytes and operations. Texts are taken at their longest."""

import math
from dataclasses import dataclass

from rna_bench.core.types import Dtype
from rna_bench.doctor import estimates
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.models.architecture import Architecture
from rna_bench.unlearning.config import UnlearningConfig

BYTES = {Dtype.float32: 4, Dtype.bfloat16: 2}
PROMPT_TOKENS = 200
"""Tokens of a prompt, assumed: a four-way question of MMLU with its description is about that long."""


@dataclass(frozen=True)
class Work:
    """Training in numbers: elements trained, the layers they are in, the layers run, tokens of a step by side.

    `down_alone` says that nothing but mlp.down_proj is trained. `kept_tokens` are those of the larger side of a micro-batch: the
    forget side is done with before the retain side begins.
    """

    trained: int
    layers: tuple[int, ...]
    last: int
    logits: bool
    steps: int
    forget_tokens: int
    retain_tokens: int
    kept_tokens: int
    checkpointed: bool
    down_alone: bool

    @property
    def first(self) -> int:
        """The lowest trained layer; 0 where a trained tensor is outside all layers."""
        return min(self.layers, default=0)


@dataclass(frozen=True)
class Needs:
    """Bytes on the device, bytes of the saved delta, and operations; 0 of what is not done."""

    weights: int
    state: int
    activations: int
    scoring: int
    delta: int
    training_flops: int

    @property
    def training_peak(self) -> int:
        return self.weights + self.state + self.activations

    @property
    def scoring_peak(self) -> int:
        """Scoring finds the model with its copies, gradients and moments still there."""
        return self.weights + self.state + self.scoring


def work_of(recipe: UnlearningConfig, architecture: Architecture) -> Work:
    """Return what the recipe does to a model of these dimensions, each text as long as its topic allows."""
    found = architecture.matching(recipe.train.parameters)
    numbers = {architecture.layer_of(name) for name in found}
    train = recipe.train
    settings = (train, *(own.train for own in recipe.topics.values()))
    forget, retain = max(own.max_tokens for own in settings), max(own.retain_max_tokens for own in settings)
    logits = (recipe.retain is not None and recipe.retain.reads_logits) or recipe.method.layer is None
    return Work(
        trained=sum(map(math.prod, found.values())),
        layers=() if None in numbers else tuple(sorted(number for number in numbers if number is not None)),
        last=architecture.layers - 1 if logits or recipe.method.layer is None else recipe.method.layer,
        logits=logits,
        steps=train.steps,
        forget_tokens=forget * train.batch_size,
        retain_tokens=retain * train.batch_size,
        kept_tokens=max(forget, retain) * train.batch_size // train.micro_batches,
        checkpointed=train.gradient_checkpointing,
        down_alone=all(name.endswith(".mlp.down_proj.weight") for name in found),
    )


def needs_of(plan: ExperimentConfig, architecture: Architecture, dtype: Dtype) -> Needs:
    """Return what the plan needs."""
    element = BYTES[dtype]
    work = work_of(plan.recipe, architecture) if plan.recipe else None
    trained = work.trained if work else 0
    token = estimates.working_bytes(architecture, element) + estimates.cache_bytes(architecture, element)
    return Needs(
        weights=architecture.parameters * element,
        state=estimates.state_bytes(trained, element),
        activations=_activations(work, architecture, element) if work else 0,
        scoring=plan.scoring.batch_tokens * token,
        delta=trained * element if plan.keep_delta else 0,
        training_flops=training_flops(work, architecture) if work else 0,
    )


def _activations(work: Work, architecture: Architecture, element: int) -> int:
    if work.checkpointed:
        kept = estimates.checkpointed_bytes(architecture, element, work.first, work.last)
    else:
        formula = estimates.kept_bytes if work.down_alone else estimates.whole_kept_bytes
        kept = formula(architecture, element, work.first, work.last, len(work.layers))
    token = kept + estimates.working_bytes(architecture, element)
    return work.kept_tokens * token + (estimates.LOGITS_BYTES if work.logits else 0)


def training_flops(work: Work, architecture: Architecture) -> int:
    """Return the operations of all steps; a method on likelihoods also asks the reference model about forget texts."""
    forget = estimates.pass_flops(
        architecture, work.forget_tokens, work.first, work.last, work.trained, reference=work.logits, head=work.logits
    )
    retain = estimates.pass_flops(
        architecture, work.retain_tokens, work.first, work.last, work.trained, reference=True, head=work.logits
    )
    return work.steps * (forget + retain)


@dataclass(frozen=True)
class Prompts:
    """How many prompts are scored: at the end (None before all questions are at hand), and at most in the looks along the run."""

    final: int | None
    looks: int


def looks(plan: ExperimentConfig) -> int:
    """Return how often the run stops to score a subset: before the first step, every so many steps, and after the last."""
    every, steps = plan.scoring.every, plan.recipe.train.steps if plan.recipe else 0
    return 1 + -(-steps // every) if every and steps else 0


def prompts_of(plan: ExperimentConfig, questions: dict[str, int | None]) -> Prompts:
    """Return the prompts, given each task's number of questions; only retain tasks are asked in every form."""
    perturbations = {name: forms_of(plan, source.role) for name, source in plan.datasets.items()}
    known = [count * perturbations[name] for name, count in questions.items() if count is not None]
    subset = [
        min(plan.scoring.questions, plan.scoring.questions if n is None else n) * perturbations[name]
        for name, n in questions.items()
    ]
    return Prompts(sum(known) if len(known) == len(questions) else None, looks(plan) * sum(subset))


def forms_of(plan: ExperimentConfig, role: str) -> int:
    """Return how many forms a question of that role is asked in: clean, and of retain tasks each trigger and its control."""
    return 1 + 2 * len(plan.trigger.kinds) if role == "retain" else 1
