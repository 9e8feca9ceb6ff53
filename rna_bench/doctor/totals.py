"""What a run, or all runs of a sweep, take in total: the GPU's memory, hours by phase, disk; and what makes scoring shorter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rna_bench.core.files import gigabytes
from rna_bench.data.sampling import needed
from rna_bench.doctor.attack_costs import attack_totals
from rna_bench.doctor.counts import QuestionCount
from rna_bench.doctor.estimates import hours, scoring_flops
from rna_bench.doctor.needs import (
    PROMPT_TOKENS,
    UNKNOWN_PROMPTS,
    Needs,
    PromptCounts,
    perturbation_count,
    prompt_counts,
    result_bytes,
)
from rna_bench.doctor.outline import ReportRow, duration, rate_of
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.models.architecture import Architecture

GPU_CLASSES = (24, 40, 80)
"""Gigabytes of memory that GPUs have."""
SPARE = 1.1
"""How much more than the estimate a GPU should have, for CUDA's own memory and what the allocator cannot use."""
STDERR = 0.01
DOMINATES = 2.0
"""How many times as long as everything else scoring must take for a remark."""


@dataclass(frozen=True)
class Cost:
    """What one run takes: the device and bytes on it, hours by phase, final prompts, and bytes of disk.

    `model` tells models apart: the weights of one are on the disk once. `rate` is the 10^12 operations a second that hours assume;
    `assumed` says that the number of prompts is not known, and `published` that it is only from publications.
    """

    model: str
    device: str
    peak: int
    unlearning: float
    eval_steps: float
    scoring: float
    prompts: int
    assumed: bool
    published: bool
    weights: int
    results: int
    rate: float
    attacks: float = 0.0

    @property
    def hours(self) -> float:
        return self.unlearning + self.eval_steps + self.scoring + self.attacks


def cost_of(
    plan: ExperimentConfig,
    dimensions: Architecture,
    needs: Needs,
    counts: Mapping[str, QuestionCount | None],
    tflops: float | None,
) -> Cost:
    """Return what a run takes; `counts` are the questions of its datasets, `tflops` is the rate given, if any."""
    rate, prompts = rate_of(plan, tflops), prompts_of(plan, counts)
    final = UNKNOWN_PROMPTS if prompts.final is None else prompts.final
    attacks = attack_totals(plan, dimensions, needs, asked_once(counts), rate)
    return Cost(
        model=str(sorted((key, str(value)) for key, value in plan.config["model"].items())),
        device=plan.model.device.partition(":")[0],
        peak=max(needs.training_peak if plan.recipe else 0, needs.scoring_peak, attacks.peak),
        unlearning=hours(needs.training_flops, rate),
        eval_steps=hours(scoring_flops(dimensions, prompts.eval_steps * PROMPT_TOKENS), rate),
        scoring=hours(scoring_flops(dimensions, final * PROMPT_TOKENS), rate),
        prompts=final,
        assumed=prompts.final is None,
        published=any(count is not None and count.published for count in counts.values()),
        weights=needs.weights,
        results=result_bytes(plan, needs, prompts),
        rate=rate,
        attacks=attacks.hours,
    )


def asked_once(counts: Mapping[str, QuestionCount | None]) -> int:
    """Return how many questions an attack asks, each clean; `UNKNOWN_PROMPTS` where that is not known."""
    known = [count.asked for count in counts.values() if count]
    return sum(known) if len(known) == len(counts) else UNKNOWN_PROMPTS


def prompts_of(plan: ExperimentConfig, counts: Mapping[str, QuestionCount | None]) -> PromptCounts:
    """Return the numbers of prompts of a run."""
    return prompt_counts(plan, {name: count.asked if count else None for name, count in counts.items()})


def total_rows(costs: Sequence[Cost], shorter: Sequence[str]) -> list[ReportRow]:
    """Return the totals of runs, one after another on one device; `shorter` says what shortens scoring, where it dominates."""
    if not costs:
        return []
    unlearning, steps, scoring, attacks = (
        sum(cost.unlearning for cost in costs),
        sum(cost.eval_steps for cost in costs),
        sum(cost.scoring for cost in costs),
        sum(cost.attacks for cost in costs),
    )
    weights = sum({cost.model: cost.weights for cost in costs}.values())
    results, prompts = sum(cost.results for cost in costs), sum(cost.prompts for cost in costs)
    phases = f"unlearning {duration(unlearning)} + eval steps {duration(steps)} + scoring {duration(scoring)}"
    phases += f" + attacks {duration(attacks)}" if attacks else ""
    dominates = scoring > DOMINATES * (unlearning + steps) and any(cost.unlearning for cost in costs)
    times = f", {scoring / unlearning:.0f} times as long as unlearning" if dominates else ""
    assumed = f" (assumed: {UNKNOWN_PROMPTS:,} a run)" if any(cost.assumed for cost in costs) else ""
    assumed += " (questions as published, not fetched yet)" if any(cost.published for cost in costs) else ""
    rates = " and ".join(f"{rate:g}" for rate in sorted({cost.rate for cost in costs}))
    one = "" if len(costs) == 1 else ", one run after another on one device"
    return [
        ReportRow("memory", memory_class(costs)),
        ReportRow("time", f"{duration(unlearning + steps + scoring + attacks)} = {phases}; at {rates} TFLOP/s (--tflops){one}"),
        ReportRow("scoring", f"{prompts:,} prompts{assumed}{times}"),
        *(ReportRow("", f"shorter: {way}") for way in shorter if scoring > unlearning),
        ReportRow("disk", f"{gigabytes(weights + results)} = weights {gigabytes(weights)} + results {gigabytes(results)}"),
    ]


def memory_class(costs: Sequence[Cost]) -> str:
    """Return the least class of GPU that the largest run fits on, or main memory where runs are on the CPU."""
    largest = max(costs, key=lambda cost: cost.peak)
    if largest.device == "cpu":
        return f"{gigabytes(largest.peak)} of main memory, on the CPU"
    fitting = next((size for size in GPU_CLASSES if largest.peak * SPARE <= size * 1e9), None)
    peak = f"{gigabytes(largest.peak)} at the peak and a tenth to spare"
    if fitting:
        return f"a GPU with {fitting} GB: {peak}"
    return f"more than {GPU_CLASSES[-1]} GB: {peak}; model.device=auto spreads a model over several GPUs"


def shorter_scoring(plan: ExperimentConfig, counts: Mapping[str, QuestionCount | None]) -> list[str]:
    """Return in words what would make the run's final scoring shorter, with the number of prompts that it leaves."""
    known = {name: count for name, count in counts.items() if count}
    prompts = {name: perturbation_count(plan, plan.datasets[name].role) for name in known}
    now = sum(count.asked * prompts[name] for name, count in known.items())
    fewer = {name: min(count.asked, needed(STDERR, count.population)) for name, count in known.items()}
    cut = [name for name, count in known.items() if fewer[name] < count.asked]
    ways: list[str] = []
    if cut:
        left = sum(fewer[name] * prompts[name] for name in known)
        samples = " ".join(f"dataset.{name}.sample={fewer[name]}" for name in cut)
        ways.append(f"scoring.stderr={STDERR:g} leaves {left:,} of a run's {now:,} prompts, and so does {samples}")
    if len(plan.trigger.types) > 1:
        one = plan.trigger.types[0].value
        left = sum(count.asked * min(prompts[name], 3) for name, count in known.items())
        ways.append(f"trigger.types=[{one}], one of {len(plan.trigger.types)}, leaves {left:,} of {now:,}")
    return ways
