"""Estimates the bytes and operations of a run from its configuration and its model's dimensions, with texts at full length."""

import math
from dataclasses import dataclass

from rna_bench.core.attention import AttentionKernel
from rna_bench.core.types import Dtype
from rna_bench.doctor import estimates
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.models.architecture import Architecture
from rna_bench.runs.identity import has_master_weights
from rna_bench.unlearning.config import UnlearningConfig
from rna_bench.unlearning.protocols import Adversarial

BYTES = {Dtype.float32: 4, Dtype.bfloat16: 2}
PROMPT_TOKENS = 200
"""Assumed tokens per prompt: a four-way question of MMLU with its description is about that long."""
UNKNOWN_PROMPTS = 10_000
"""Prompts that times and sizes are of where their number is not known."""
RESPONSE_BYTES = 24
"""Of a response in questions.parquet: the median of the 544 records of five folders of results/published, 1,824 responses each."""
RECORD_BYTES, STEP_BYTES, EVAL_POINT_BYTES = 14_000, 130, 1_000
"""Of record.json: without training, and for each step and each eval step, as those records have it (44 to 56 kB trained)."""


@dataclass(frozen=True)
class Work:
    """The work of training: number of trained elements, their layers, the last layer that runs, forget and retain tokens per step.

    `only_down_proj` says that only the MLP's last matrix is trained, `shared` that policy and reference share the layers below
    `first`, `uphill` that the forget loss has a sharpness radius, `adversary_passes` how often a step runs the forget side to the
    head for an adversary, and back to the output of layer `adversary_layer`; `length` is that of the longest text. `stored_tokens`
    counts the larger side (forget or retain) of a micro-batch, as the activations of one side are freed before the other begins.
    """

    trained: int
    layers: tuple[int, ...]
    last: int
    logits: bool
    steps: int
    forget_tokens: int
    retain_tokens: int
    stored_tokens: int
    checkpointed: bool
    only_down_proj: bool
    length: int
    shared: bool
    uphill: bool
    adversary_passes: int
    adversary_layer: int

    @property
    def first(self) -> int:
        """The lowest trained layer; 0 if a trained tensor is outside the layers."""
        return min(self.layers, default=0)

    def highest(self, architecture: Architecture) -> int:
        """Return the last layer that any pass runs."""
        return architecture.layers - 1 if self.adversary_passes else self.last


@dataclass(frozen=True)
class Needs:
    """Bytes on the device, bytes of the saved tensors, and operations; 0 for what the run does not do."""

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
        """Bytes while scoring, when copies, gradients and moments of the trained tensors are still in memory."""
        return self.weights + self.state + self.scoring


def work_of(recipe: UnlearningConfig, architecture: Architecture) -> Work:
    """Return the work of training a model of these dimensions, with each text as long as its topic allows."""
    trained = architecture.matching(recipe.train.parameters)
    numbers = {architecture.layer_of(name) for name in trained}
    train = recipe.train
    settings = (train, *(own.train for own in recipe.topics.values()))
    forget, retain = max(own.max_tokens for own in settings), max(own.retain_max_tokens for own in settings)
    adversary = recipe.method if isinstance(recipe.method, Adversarial) else None
    logits = (recipe.retain is not None and recipe.retain.reads_logits) or recipe.method.layer is None
    return Work(
        trained=sum(map(math.prod, trained.values())),
        layers=() if None in numbers else tuple(sorted(number for number in numbers if number is not None)),
        last=architecture.layers - 1 if logits or recipe.method.layer is None else recipe.method.layer,
        logits=logits,
        steps=train.steps,
        forget_tokens=forget * train.batch_size,
        retain_tokens=retain * train.batch_size,
        stored_tokens=max(forget, retain) * train.batch_size // train.micro_batches,
        checkpointed=train.gradient_checkpointing,
        length=max(forget, retain),
        shared=not logits or not train.reference_unmasked,
        uphill=train.sharpness_radius > 0,
        adversary_passes=adversary.adversary_passes if adversary else 0,
        adversary_layer=adversary.adversary_layer if adversary else 0,
        only_down_proj=all(name.endswith(f".{architecture.names.down_proj}.weight") for name in trained),
    )


def needs_of(plan: ExperimentConfig, architecture: Architecture, dtype: Dtype) -> Needs:
    """Return the needs of a run."""
    element = BYTES[dtype]
    work = work_of(plan.recipe, architecture) if plan.recipe else None
    trained = work.trained if work else 0
    token = estimates.working_bytes(architecture, element) + estimates.cache_bytes(architecture, element)
    state = (estimates.master_state_bytes if has_master_weights(plan.config) else estimates.state_bytes)(trained, element)
    return Needs(
        weights=architecture.parameters * element,
        state=state + (estimates.uphill_bytes(trained, element) if work and work.uphill else 0),
        activations=_activations(work, architecture, element, plan.model.device, eager=_eager(plan)) if work else 0,
        scoring=plan.scoring.batch_tokens * token,
        delta=trained * element if plan.keep_delta else 0,
        training_flops=training_flops(work, architecture) if work else 0,
    )


def _eager(plan: ExperimentConfig) -> bool:
    return plan.config["model"].get("attention") == AttentionKernel.eager.value


def _activations(work: Work, architecture: Architecture, element: int, device: str, *, eager: bool) -> int:
    last = work.highest(architecture)
    kept = last - work.first + (not work.only_down_proj)  # layers whose attention has a gradient
    if work.checkpointed:
        kept = 1
        stored = estimates.checkpointed_bytes(architecture, element, work.first, last)
    else:
        formula = estimates.kept_bytes if work.only_down_proj else estimates.whole_kept_bytes
        stored = formula(architecture, element, work.first, last, len(work.layers))
    stored += (kept + 1) * estimates.eager_bytes(architecture, element, work.length) if eager else 0  # and one that runs
    token = stored + estimates.working_bytes(architecture, element)
    head = work.logits or work.adversary_passes
    return work.stored_tokens * token + (estimates.logits_bytes(device.partition(":")[0]) if head else 0)


def training_flops(work: Work, architecture: Architecture) -> int:
    """Return the operations of all steps; methods on likelihoods also run the reference model on forget texts.

    With a sharpness radius the forget side is run twice, with an adversary's passes before each time.
    """
    layers = work.first, work.last
    forget = estimates.pass_flops(
        architecture, work.forget_tokens, *layers, work.trained, reference=work.logits, head=work.logits, shared=work.shared
    )
    retain = estimates.pass_flops(
        architecture, work.retain_tokens, *layers, work.trained, reference=True, head=work.logits, shared=work.shared
    )
    adversary = work.adversary_passes * estimates.adversary_flops(
        architecture, work.forget_tokens, min(work.first, work.adversary_layer + 1), work.adversary_layer
    )
    return work.steps * ((forget + adversary) * (2 if work.uphill else 1) + retain)


@dataclass(frozen=True)
class PromptCounts:
    """Prompts scored at the end (None if a dataset is not available), and at most during training."""

    final: int | None
    eval_steps: int


def eval_steps(plan: ExperimentConfig) -> int:
    """Return the number of eval steps: before the first training step, every `scoring.every` steps, and after the last."""
    every, steps = plan.scoring.every, plan.recipe.train.steps if plan.recipe else 0
    return 1 + -(-steps // every) if every and steps else 0


def prompt_counts(plan: ExperimentConfig, questions: dict[str, int | None]) -> PromptCounts:
    """Return the numbers of prompts, given each task's number of questions; only retain tasks are perturbed."""
    perturbations = {name: perturbation_count(plan, source.role) for name, source in plan.datasets.items()}
    counts = [count * perturbations[name] for name, count in questions.items() if count is not None]
    subset = [
        min(plan.scoring.questions, plan.scoring.questions if n is None else n) * perturbations[name]
        for name, n in questions.items()
    ]
    return PromptCounts(sum(counts) if len(counts) == len(questions) else None, eval_steps(plan) * sum(subset))


def result_bytes(plan: ExperimentConfig, needs: Needs, prompts: PromptCounts) -> int:
    """Return the bytes that a run leaves: record, responses (`UNKNOWN_PROMPTS` if that is not known), trained tensors."""
    steps = plan.recipe.train.steps if plan.recipe else 0
    record = RECORD_BYTES + STEP_BYTES * steps + EVAL_POINT_BYTES * eval_steps(plan)
    return record + RESPONSE_BYTES * (UNKNOWN_PROMPTS if prompts.final is None else prompts.final) + needs.delta


def perturbation_count(plan: ExperimentConfig, role: str) -> int:
    """Return the number of prompts per question: one clean, and in retain tasks a trigger and a control for each trigger type."""
    return 1 + 2 * len(plan.trigger.types) if role == "retain" else 1
