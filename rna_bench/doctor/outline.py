"""Describes a run, its costs and things to note, as rows of text."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from rna_bench.core.labels import method_label, noise_label
from rna_bench.doctor.access import gigabytes
from rna_bench.doctor.estimates import hours, scoring_flops
from rna_bench.doctor.needs import (
    PROMPT_TOKENS,
    UNKNOWN_PROMPTS,
    Needs,
    PromptCounts,
    eval_steps,
    perturbation_count,
    result_bytes,
    work_of,
)
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.released import is_released, pieces
from rna_bench.models.architecture import Architecture, parameters_text
from rna_bench.runs.identity import NAME, has_master_weights, is_checkpoint, is_gold
from rna_bench.unlearning.config import Train

GPU_TFLOPS = 100.0
"""Assumed 10^12 operations per second of a GPU: about a third of the 312 that NVIDIA states for an A100 in bfloat16."""
CPU_TFLOPS = 0.2
"""Assumed 10^12 operations per second of a CPU thread, in fp32. A pocket run of RMU takes 14 s by it, with texts at their
longest; it took 12 in the records of results/published/pocket, and 15 with the start."""


class ReportRow(NamedTuple):
    """A row of the report: a name and a text."""

    name: str
    text: str


def run_outline(plan: ExperimentConfig, dimensions: Architecture | None, preset: str) -> list[ReportRow]:
    """Return a description of the run; `preset` is the name of the one that it has, or ""."""
    config, choices = plan.config, plan.choices
    model = config["model"]
    roles = ", ".join(f"{name} ({source.role})" for name, source in plan.datasets.items())
    stops = _count(eval_steps(plan), "eval step")
    types = ", ".join(trigger_type.value for trigger_type in plan.trigger.types) or "none"
    return [
        ReportRow("model", f"{choices['model']}: {_source(model)}, {model['dtype']} on {model['device']}"),
        ReportRow("", _size(dimensions) if dimensions else "its dimensions are unknown until it is available"),
        *(_training(plan, dimensions, preset) if plan.recipe else _scored(plan)),
        ReportRow("datasets", roles),
        ReportRow(
            "triggers",
            f"{choices['trigger']}: {types}; a retain question gives {_count(perturbation_count(plan, 'retain'), 'prompt')}",
        ),
        ReportRow("scoring", f"{plan.scoring.batch_tokens:,} tokens a batch; {stops} during training, then all questions"),
        ReportRow("seed, results", f"{plan.seed}, {plan.results_dir}"),
        ReportRow("tracker", plan.tracker.where()),
    ]


def _scored(plan: ExperimentConfig) -> list[ReportRow]:
    if not is_checkpoint(plan.config):
        return [ReportRow("method", "none: the model is scored as it is")]
    base = "its base is scored too, unless it is recorded" if plan.base else "without its base"
    what = "a gold reference" if is_gold(plan.config) else f"{plan.config[NAME]}: unlearned elsewhere"
    return [
        ReportRow("method", f"{plan.choices['method']} {what}, scored as it is; {base}"),
        *([ReportRow("base", _source(plan.base.config["model"]))] if plan.base else []),
    ]


def _training(plan: ExperimentConfig, dimensions: Architecture | None, preset: str) -> list[ReportRow]:
    config, choices, recipe = plan.config, plan.choices, plan.recipe
    assert recipe
    train, noise, layer = recipe.train, recipe.noise, recipe.method.layer
    named = config["corpus"].get("forget")  # a corpus that is configured by topic names them all
    by_topic = isinstance(named, Mapping) and set(named) <= set(recipe.topics)
    unless = " unless a topic below has its own" if recipe.topics else ""
    weight = " by topic, as below" if by_topic else f" x {train.retain_weight:g}{unless}"
    retain = f"{config['retain']['_target_'].rpartition('.')[2]}{weight}" if recipe.retain else "none"
    steered = "on likelihoods" if layer is None else f"at layer {layer}"
    augmented = (
        f"nu = {noise_label(plan.config['noise'])} at layer {', '.join(map(str, noise.noised_layers))}" if noise else "nu = 0"
    )
    optimizer = config["optimizer"]["_target_"].rpartition(".")[2] + (
        " on fp32 master weights" if has_master_weights(config) else ""
    )
    lengths = "" if by_topic else f" of {_lengths(train)}"
    uphill = f", sharpness radius {train.sharpness_radius:g}" if train.sharpness_radius else ""
    return [
        ReportRow("method", f"{choices['method']} {steered}{_settings(config['method'])}, retain loss {retain}"),
        ReportRow("preset", preset or "none"),
        ReportRow("trained", parameters_text(train.parameters)),
        *([ReportRow("", _trained(plan, dimensions))] if dimensions else []),
        ReportRow("noise", f"{choices['noise']}: {augmented}"),
        ReportRow("training", f"{train.steps} steps of {train.batch_size} texts{lengths}, {optimizer}, lr {train.lr:g}{uphill}"),
        *(ReportRow("", f"{name}: {_topic(own.train)}") for name, own in recipe.topics.items()),
        ReportRow("corpus", choices["corpus"]),
        *_released(plan),
    ]


def _released(plan: ExperimentConfig) -> list[ReportRow]:
    """Return the pieces of the released code, as the run has them, if it is to follow that."""
    values = [f"{key}={value}" for key, value in pieces(plan.config).items()] if is_released(plan.choices) else []
    return [ReportRow("as released", f"{', '.join(values)}; conf/README.md says what each does")] if values else []


def _topic(train: Train) -> str:
    return f"{_lengths(train)}, retain loss x {train.retain_weight:g}"


def _lengths(train: Train) -> str:
    return f"up to {train.max_tokens} tokens to forget and {train.retain_max_tokens} to retain"


def _source(model: Mapping[str, Any]) -> str:
    copied = f", copied to {model['path']}" if model.get("path") else ""
    if "repo" in model:
        return f"{model['repo']} at {str(model['revision'])[:10]}{copied}"
    return str(model.get("path") or model.get("name") or f"world {model.get('world')}")


def _settings(method: Mapping[str, Any]) -> str:
    own = [f"{key} {value}" for key, value in method.items() if key not in ("_target_", "layer")]
    return f" ({', '.join(own)})" if own else ""


def _size(dimensions: Architecture) -> str:
    shape = f"{dimensions.layers} layers of {dimensions.hidden_size:,}, vocabulary {dimensions.vocab_size:,}"
    return f"{_number(dimensions.parameters)} parameters: {shape}"


def _trained(plan: ExperimentConfig, dimensions: Architecture) -> str:
    assert plan.recipe
    work, count = work_of(plan.recipe, dimensions), len(dimensions.matching(plan.recipe.train.parameters))
    where = f"of layers {', '.join(map(str, work.layers))}" if work.layers else "outside the layers, too" if count else ""
    return " ".join(f"{_count(count, 'tensor')} {where}, {_number(work.trained)} parameters".split())


def costs(
    plan: ExperimentConfig, dimensions: Architecture | None, needs: Needs | None, prompts: PromptCounts, tflops: float | None
) -> list[ReportRow]:
    """Return memory, disk and time; nothing if the dimensions are unknown."""
    if not dimensions or not needs:
        return []
    rate = rate_of(plan, tflops)
    final = UNKNOWN_PROMPTS if prompts.final is None else prompts.final
    counted = f"of {'each ' if prompts.final is None else ''}{final:,} prompts"
    counted += " (their number is not known yet)" if prompts.final is None else ""
    left = gigabytes(result_bytes(plan, needs, prompts))
    eval_flops = scoring_flops(dimensions, prompts.eval_steps * PROMPT_TOKENS)
    state = f" + copies, gradients and Adam of trained tensors {gigabytes(needs.state)}" if needs.state else ""
    peak = (
        f"{gigabytes(needs.training_peak)} = weights {gigabytes(needs.weights)}{state} + activations {gigabytes(needs.activations)}"
    )
    scored = f"{gigabytes(needs.scoring_peak)} at {plan.scoring.batch_tokens:,} tokens a batch, keys and values cached"
    training = [
        ReportRow("memory, unlearning", peak),
        ReportRow("time, unlearning", _time(needs.training_flops, rate)),
        ReportRow("time, eval steps", f"{_time(eval_flops, rate)}, of {prompts.eval_steps:,} prompts"),
    ]
    final_flops = scoring_flops(dimensions, final * PROMPT_TOKENS)
    return [
        *(training if plan.recipe else []),
        ReportRow("memory, scoring", scored),
        ReportRow("time, scoring", f"{_time(final_flops, rate)}, {counted}"),
        ReportRow("disk", f"weights {gigabytes(needs.weights)}, results {left}; without texts, questions, a tracker's files"),
        ReportRow(
            "assumed",
            f"{rate:g} TFLOP/s (--tflops), texts at their longest, {PROMPT_TOKENS} tokens a prompt; CUDA's own memory is extra",
        ),
    ]


def notes(plan: ExperimentConfig, preset: str) -> list[str]:
    """Return remarks on valid configurations that may not be what was intended."""
    choices, hub, remarks = plan.choices, "repo" in plan.config["model"], []
    method = method_label(choices["method"], choices.get("retain"))
    if plan.recipe and hub and not preset:
        remarks.append(
            f"There is no preset for {choices['model']} with {method}: the values are those of conf/run.yaml and of the "
            f"method, not tuned for this model. preset=zephyr_7b_{method} takes the released code's for Zephyr-7B."
        )
    pocket = [choices[group] for group in ("corpus", "trigger") if choices.get(group) == "pocket"]
    chosen = list(dict.fromkeys([*pocket, *(name for name in plan.datasets if name.startswith("pocket"))]))
    if hub and chosen:
        remarks.append(
            f"The pocket world's text and questions mean nothing to this model ({', '.join(chosen)}). For the paper's give "
            "corpus=wmdp dataset=[wmdp_bio,wmdp_cyber,mmlu] trigger=sars_cov_2."
        )
    return remarks


def rate_of(plan: ExperimentConfig, tflops: float | None) -> float:
    """Return the 10^12 operations a second that times assume: those given, or what a device like the run's may do."""
    return tflops or (CPU_TFLOPS * plan.threads if plan.model.device == "cpu" else GPU_TFLOPS)


def duration(taken: float) -> str:
    """Return a number of hours in hours, minutes or seconds."""
    return f"{taken:,.1f} h" if taken >= 1 else f"{taken * 60:.1f} min" if taken >= 1 / 60 else f"{taken * 3600:.1f} s"


def _time(flops: float, rate: float) -> str:
    taken = duration(hours(flops, rate))
    return f"{taken} ({flops / 1e12:,.3g} TFLOP)" if flops < 1e15 else f"{taken} ({flops / 1e15:,.3g} PFLOP)"


def _number(count: int) -> str:
    return f"{count / 1e9:.2f} billion" if count >= 1e9 else f"{count / 1e6:.1f} million" if count >= 1e6 else f"{count:,}"


def _count(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
