"""The report of `rna-bench doctor`: what a run would do, what is missing, and an estimate of its costs."""

import shlex
import shutil
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rna_bench.core import hub
from rna_bench.core.renames import unquoted
from rna_bench.core.types import InputError
from rna_bench.doctor import access
from rna_bench.doctor.access import CheckStatus, Finding
from rna_bench.doctor.attack_costs import attack_rows
from rna_bench.doctor.needs import Needs, PromptCounts, needs_of, result_bytes
from rna_bench.doctor.outline import ReportRow, costs, notes, rate_of, run_outline
from rna_bench.doctor.totals import Cost, asked_once, cost_of, prompts_of, shorter_scoring, total_rows
from rna_bench.doctor.words import trigger_tokens
from rna_bench.experiment.base import check_same_model
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import ExperimentConfig, experiment_config
from rna_bench.experiment.repositories import repositories
from rna_bench.experiment.resolvers import has_preset


class Diagnosis(NamedTuple):
    """The report, and whether a run would start."""

    text: str
    healthy: bool


def diagnose(overrides: Sequence[str], tflops: float | None, own: Path | None = None) -> Diagnosis:
    """Return the report on a run that the overrides compose, with the user's folder `own`; nothing is run, fetched or written."""
    plan = experiment_config(*compose_run(overrides, own), overrides)
    preset = name if has_preset(name := plan.choices.get("preset", ""), own) else ""
    dimensions = plan.model.dimensions
    checks = [access.architecture_finding(plan.recipe, dimensions)] if plan.recipe and dimensions else []
    sound = all(check.status is CheckStatus.ok for check in checks)  # a layer that does not exist has no estimate
    needs = needs_of(plan, dimensions, plan.model.dtype) if dimensions and sound else None
    datasets = {
        name: access.questions(name, source, plan.samplings[name], plan.trigger, plan.seed)
        for name, source in plan.datasets.items()
    }
    findings = [*_model(plan, needs), *checks, *_texts(plan), *(line for lines, _ in datasets.values() for line in lines)]
    counts = {name: count for name, (_, count) in datasets.items()}
    prompts = prompts_of(plan, counts)
    cost = [cost_of(plan, dimensions, needs, counts, tflops)] if dimensions and needs else []
    findings += [*trigger_tokens(plan), *_surroundings(plan, cost, needs, prompts)]
    rate = rate_of(plan, tflops)
    attacks = attack_rows(plan, dimensions, needs, asked_once(counts), rate) if dimensions and needs else []
    sections = {
        "What would run": run_outline(plan, dimensions, preset),
        "Estimates, from the model's dimensions; nothing here was measured": costs(plan, dimensions, needs, prompts, tflops),
        f"Attacks, estimated at {rate:g} TFLOP/s": attacks,
        "Data and access": [ReportRow(finding.status.value, f"{finding.subject}: {finding.message}") for finding in findings],
        "Notes": [ReportRow("-", note) for note in [*plan.ignored, *plan.cautions, *notes(plan, preset)]],
        "In total, estimated": [
            *total_rows(cost, shorter_scoring(plan, counts)),
            *([ReportRow("first", plan.model.to_train)] if plan.model.to_train else []),
        ],
    }
    blocks = [f"{title}\n{report_table(rows)}" for title, rows in sections.items() if rows]
    blocks += [fetching([*overrides, *(["--config-dir", str(own)] if own else [])])] if lacks([plan]) else []
    return Diagnosis("\n\n".join([*blocks, summary_of(findings)]), all(finding.status is CheckStatus.ok for finding in findings))


def lacks(plans: Sequence[ExperimentConfig]) -> bool:
    """Return whether the cache lacks something that is read from the hub, or it is not said at which revision."""
    try:
        return any(hub.missing(repo) for repo in repositories(plans))
    except InputError:  # a finding has it
        return True


def fetching(words: Sequence[str]) -> str:
    """Return the command that fetches what is missing, on a line of its own."""
    command = shlex.join(["rna-bench", "fetch", *unquoted(words)])
    return f"With a network, this gets what is missing from the hub, sizes first:\n  {command}"


def _model(plan: ExperimentConfig, needs: Needs | None) -> list[Finding]:
    missing = plan.model.missing()
    base = _base(plan, plan.base) if plan.base else []
    return [
        *access.findings("model", missing, plan.model.to_train or "available"),
        *base,
        *([access.weights_disk(needs.weights)] if needs and missing else []),
    ]


def _base(plan: ExperimentConfig, base: ExperimentConfig) -> list[Finding]:
    """Return whether a checkpoint's base is there, and the checkpoint a version of it."""
    missing = [*plan.model.missing(), *base.model.missing()]
    if not missing and not plan.model.to_train and not base.model.to_train:  # nothing is trained here
        try:
            check_same_model(plan.model.folder().folder, base.model.folder().folder)
        except InputError as error:
            return [Finding("base", CheckStatus.wrong, str(error))]
    message = base.model.to_train or "available, with the checkpoint's dimensions and tokenizer"
    return access.findings("base", base.model.missing(), message)


def _texts(plan: ExperimentConfig) -> list[Finding]:
    trained = access.corpus(plan.corpus, plan.recipe, plan.seed) if plan.corpus and plan.recipe else []
    held_out = access.findings("held-out text", plan.heldout.missing(), "for its perplexity") if plan.heldout else []
    return [*trained, *held_out]


def _surroundings(plan: ExperimentConfig, cost: Sequence[Cost], needs: Needs | None, prompts: PromptCounts) -> list[Finding]:
    peak = max((one.peak for one in cost), default=0)
    disk = [access.disk("disk for results", plan.results_dir, result_bytes(plan, needs, prompts))] if needs else []
    return [access.device(plan.model.device, peak), access.results(plan.results_dir), *disk]


def summary_of(findings: Sequence[Finding]) -> str:
    """Return how many things are missing, and how many settings are wrong."""
    counts = Counter(finding.status for finding in findings)
    missing, wrong = counts[CheckStatus.missing], counts[CheckStatus.wrong]
    parts = [f"{missing} {'thing is' if missing == 1 else 'things are'} missing"] if missing else []
    parts += [f"{wrong} {'setting is' if wrong == 1 else 'settings are'} wrong"] if wrong else []
    return ", ".join(parts) or "nothing is missing"


def report_table(rows: Sequence[ReportRow]) -> str:
    """Return the rows in two columns, the second wrapped to the terminal's width; longer words stay whole."""
    width = max(len(row.name) for row in rows)
    space = max(40, min(shutil.get_terminal_size().columns, 130) - width - 4)
    lines: list[str] = []
    for row in rows:
        wrapped = textwrap.wrap(row.text, space, break_long_words=False, break_on_hyphens=False) or [""]
        lines += [f"  {row.name:<{width}}  {wrapped[0]}", *(f"  {'':<{width}}  {line}" for line in wrapped[1:])]
    return "\n".join(line.rstrip() for line in lines)
