"""The report of `rna-bench doctor --sweep`: what is missing for a sweep's runs, and what all of them take."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rna_bench.doctor import access
from rna_bench.doctor.access import CheckStatus, Finding
from rna_bench.doctor.counts import QuestionCount
from rna_bench.doctor.needs import needs_of
from rna_bench.doctor.outline import ReportRow
from rna_bench.doctor.report import Diagnosis, fetching, lacks, report_table, summary_of
from rna_bench.doctor.totals import Cost, cost_of, shorter_scoring, total_rows
from rna_bench.experiment.config import ExperimentConfig

UNKNOWN = "their model's dimensions are not known, or a layer or tensor that they name is not there"


class SweepSize(NamedTuple):
    """A sweep's name, its combinations, how many of them repeat another's run, how many are recorded, and the impossible ones."""

    name: str
    combinations: int
    repeated: int
    recorded: int
    problems: tuple[str, ...]

    @property
    def text(self) -> str:
        """The numbers in words."""
        left = self.combinations - self.repeated - self.recorded
        return (
            f"{left} to do, of {self.combinations} combinations ({self.repeated} repeating another's run, {self.recorded} recorded)"
        )


@dataclass(frozen=True)
class Survey:
    """What is found about runs: findings, each once, what each run takes, and the questions counted so far."""

    findings: dict[tuple[str, str], Finding] = field(default_factory=dict)
    costs: list[Cost] = field(default_factory=list)
    counts: dict[str, QuestionCount | None] = field(default_factory=dict)

    def note(self, found: Sequence[Finding]) -> None:
        """Keep findings that are new."""
        for one in found:
            self.findings.setdefault((one.subject, one.message), one)


def diagnose_sweep(size: SweepSize, runs: Sequence[ExperimentConfig], words: Sequence[str], tflops: float | None) -> Diagnosis:
    """Return the report on the runs of a sweep that are left to do; `words` are those after `rna-bench doctor`."""
    if not runs:
        return Diagnosis(f"sweep {size.name}\n  {size.text}\n\nnothing is left to do", healthy=True)
    survey = Survey()
    shorter: list[str] = []
    for run in runs:
        ways = _survey(run, survey, tflops)
        shorter = shorter or ways
    survey.note([Finding("settings", CheckStatus.wrong, problem) for problem in size.problems])
    _surroundings(runs, survey)
    findings = list(survey.findings.values())
    unknown = len(runs) - len(survey.costs)
    sections = {
        f"Sweep {size.name}": [ReportRow("runs", size.text)],
        "Data and access": [ReportRow(one.status.value, f"{one.subject}: {one.message}") for one in findings],
        f"In total, {f'of {len(survey.costs)} of {len(runs)} runs, ' if unknown else ''}estimated": [
            *total_rows(survey.costs, shorter),
            *(ReportRow("first", one) for one in dict.fromkeys(run.model.to_train for run in runs) if one),
            *([ReportRow("not counted", f"{unknown} runs: {UNKNOWN}")] if unknown else []),
        ],
    }
    blocks = [f"{title}\n{report_table(rows)}" for title, rows in sections.items() if rows]
    blocks += [fetching(words)] if lacks(runs) else []
    return Diagnosis("\n\n".join([*blocks, summary_of(findings)]), all(one.status is CheckStatus.ok for one in findings))


def _survey(run: ExperimentConfig, survey: Survey, tflops: float | None) -> list[str]:
    """Add what a run needs and takes to the survey; return what would make its scoring shorter."""
    dimensions, missing = run.model.dimensions, run.model.missing()
    survey.note(access.findings("model", missing, run.model.to_train or "available"))
    survey.note(access.findings("corpus", run.corpus.missing(), "available") if run.corpus else [])
    counts = {name: _counted(run, name, survey) for name in run.datasets}
    checks = [access.architecture_finding(run.recipe, dimensions)] if run.recipe and dimensions else []
    survey.note(checks)
    if dimensions and all(check.status is CheckStatus.ok for check in checks):
        survey.costs.append(cost_of(run, dimensions, needs_of(run, dimensions, run.model.dtype), counts, tflops))
    return shorter_scoring(run, counts)


def _counted(run: ExperimentConfig, name: str, survey: Survey) -> QuestionCount | None:
    """Return how many questions of a dataset a run is asked; datasets of the same settings are read once."""
    key = json.dumps([run.config["dataset"][name], run.scoring.stderr, run.config["trigger"]], sort_keys=True)
    if key not in survey.counts:
        found, count = access.questions(name, run.datasets[name], run.samplings[name], run.trigger, run.seed)
        survey.note(found)
        survey.counts[key] = count
    return survey.counts[key]


def _surroundings(runs: Sequence[ExperimentConfig], survey: Survey) -> None:
    """Add findings on devices, disks and the folder of results."""
    peak = max((cost.peak for cost in survey.costs), default=0)
    for name in dict.fromkeys(run.model.device for run in runs):
        survey.note([access.device(name, peak)])
    weights = {cost.model: cost.weights for cost in survey.costs}
    if any(run.model.missing() for run in runs) and weights:
        survey.note([access.weights_disk(sum(weights.values()))])
    folder, size = runs[0].results_dir, sum(cost.results for cost in survey.costs)
    survey.note([access.results(folder), access.disk("disk for results", folder, size)])
