"""From the result of a run to its record, and to what trackers and users see of it."""

import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from platform import node
from typing import Any

import torch

from rna_bench.core.log import print_result
from rna_bench.core.measures import Generation, Perplexity
from rna_bench.core.types import CLEAN, RunRecord, Score, Status
from rna_bench.evaluation.scores import breakdown, populations_of, scores
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import Inputs
from rna_bench.experiment.evaluate import Responses
from rna_bench.experiment.resume import ResumeState
from rna_bench.experiment.train import Training
from rna_bench.runs import identity, record
from rna_bench.runs.identity import BASE, is_gold
from rna_bench.runs.labels import run_label
from rna_bench.runs.tracking import RunInfo, Session
from rna_bench.runs.tracking.metrics import STATUS, final_values, text_values
from rna_bench.unlearning.log import TrainingLog

CHANCE = 0.25
"""The accuracy of guessing one of four choices."""


@dataclass(frozen=True)
class RunResult:
    """The result of a run: its training, its responses, seconds by phase, and how many activations were reused."""

    training: Training
    responses: Responses
    seconds: Mapping[str, float]
    activations_reused: int
    before: Sequence[Score] = ()
    """A checkpoint's scores before it was unlearned: its base's."""
    perplexity: Perplexity | None = None
    generation: tuple[Generation, ...] = ()


def run_info(experiment: ExperimentConfig, inputs: Inputs) -> RunInfo:
    """Return what a tracker shows of a run from its beginning: its config, and the code, data and model that it is made from."""
    choices, label = experiment.choices, run_label(experiment.config, experiment.choices)
    origin = {"choices": choices, "fingerprints": inputs.fingerprints, "provenance": record.provenance()}
    noised = "noise" if experiment.recipe and experiment.recipe.noise else "no noise"
    return RunInfo(
        identity=inputs.identity,
        name=f"{label} seed {experiment.seed} {inputs.identity[:8]}",
        group=label,
        job_type=_job_type(experiment),
        tags=(choices["model"], choices["method"], noised, *_tags(experiment.config)),
        config={**experiment.config, **origin},
    )


def _job_type(experiment: ExperimentConfig) -> str:
    if experiment.recipe:
        return "unlearn"
    return "gold" if is_gold(experiment.config) else "checkpoint" if BASE in experiment.config else "base"


def _tags(config: Mapping[str, Any]) -> list[str]:
    """Return the world of a pocket run, and the sweep that a run belongs to."""
    world, sweep = config["model"].get("world"), config.get("sweep")
    return [*([] if world is None else [f"world {world}"]), *([f"sweep {sweep}"] if sweep else [])]


def record_result(
    experiment: ExperimentConfig, inputs: Inputs, result: RunResult, state: ResumeState, session: Session
) -> RunRecord:
    """Write the record with its responses and trained tensors, log it at the tracker, and return it."""
    folder = experiment.results_dir / inputs.identity
    delta = state.place_delta(folder / record.DELTA, kept=experiment.keep_delta)
    run_record = record.write(folder, make_record(experiment, inputs, result, session.id), result.responses.all, delta)
    state.clear()
    log_record(session, folder, run_record)
    return run_record


def make_record(experiment: ExperimentConfig, inputs: Inputs, result: RunResult, tracker_id: str | None) -> RunRecord:
    """Return the record of a run."""
    log, populations = result.training.log, populations_of(inputs.tasks)
    final_scores = scores(result.responses.all, populations)
    status, reason = _status(log, result.before, final_scores)
    return RunRecord(
        schema_version=record.SCHEMA_VERSION,
        identity=inputs.identity,
        status=status,
        reason=reason,
        model=inputs.model.name,
        config=identity.relevant(experiment.config),
        choices={group: option for group, option in experiment.choices.items() if group not in identity.OUTSIDE},
        fingerprints=inputs.fingerprints,
        scores=final_scores,
        eval_points=tuple(log.eval_points),
        losses=tuple(log.losses),
        statistics=log.statistics,
        provenance={**record.provenance(), **_commits(experiment)},
        measured=_measured(experiment, result, tracker_id),
        breakdown=breakdown(result.responses.all, inputs.tasks, populations),
        perplexity=result.perplexity,
        generation=result.generation,
        pairings={task.name: task.pairing for task in inputs.tasks if task.pairing},
    )


def _measured(experiment: ExperimentConfig, result: RunResult, tracker_id: str | None) -> dict[str, Any]:
    """Return what may differ between two runs of one experiment: time, memory, host, and what has no effect on the result."""
    training, responses, seconds = result.training, result.responses, result.seconds
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "peak_gpu_memory_mb": torch.cuda.max_memory_allocated() // 2**20 if torch.cuda.is_available() else None,
        "host": node(),
        "command": sys.argv[1:],
        "seconds": {**seconds, "unlearn": seconds["unlearn"] - training.saving, "checkpoint": training.saving},
        "questions_per_second": responses.new / seconds["score"],
        "steps_resumed": training.resumed,
        "responses_resumed": len(responses.all) - responses.new,
        **({"responses_of": responses.of} if responses.of else {}),
        "tracker_id": tracker_id,
        "activations_reused": result.activations_reused,
        **{key: experiment.config[key] for key in identity.OUTSIDE if key in experiment.config},
        "launcher": experiment.choices.get("launcher"),
    }


def log_record(session: Session, folder: Path, run_record: RunRecord) -> None:
    """Log at the tracker how the run ended: scores, those of subjects as a table, and the record as an artifact."""
    on_text = text_values(run_record.perplexity, run_record.generation)
    session.summarise({STATUS: run_record.status.value, **final_values(run_record.scores), **on_text})
    if run_record.breakdown:
        columns = ("task", "group", "perturbation", "accuracy", "stderr", "n", "ties", "population")
        session.table("subjects", columns, [[vars(score)[column] for column in columns] for score in run_record.breakdown])
    session.log_artifact(f"record-{run_record.identity}", [folder / record.RECORD, folder / record.QUESTIONS])


def _commits(experiment: ExperimentConfig) -> dict[str, dict[str, str]]:
    """Return the commits of the hub's repositories that text came from, if any: a branch's name does not say which text it was."""
    commits = dict(experiment.corpus.commits()) if experiment.corpus else {}
    return {"corpora": commits} if commits else {}


def _status(log: TrainingLog, before: Sequence[Score], final_scores: Sequence[Score]) -> tuple[Status, str]:
    """Return how the run ended: a run that trained is compared with its first eval point, a checkpoint with its base.

    Chance is 1 in 4; above it means by more than two standard errors over the questions asked.
    """
    if log.diverged:
        return Status.diverged, log.diverged
    start = log.eval_points[0].scores if log.eval_points else before
    first = {score.task: score for score in start if score.perturbation == CLEAN}
    for score in final_scores:
        then = first.get(score.task)
        if then and score.role == "retain" and score.perturbation == CLEAN and _above_chance(then) and not _above_chance(score):
            return Status.collapsed, _collapse(then, score)
    return Status.finished, ""


def _collapse(then: Score, score: Score) -> str:
    """Return what a collapse is: with few questions an accuracy well above chance may not be told from it."""
    fall = f"{score.task} fell from {then.accuracy:.3f} to {score.accuracy:.3f}"
    questions = f"its {score.n:,} question{'s' if score.n > 1 else ''}"
    return f"{fall}, which is not above chance, {CHANCE:g}, by two standard errors of {questions} ({2 * (score.stderr or 0):.3f})"


def _above_chance(score: Score) -> bool:
    return score.accuracy - 2 * (score.stderr or 0) > CHANCE


def _sample(scored: Sequence[Score], task: str) -> str:
    """Return how many of how many questions a task's scores rest on; "" where all were asked."""
    first = next(score for score in scored if score.task == task)
    return f"  ({first.n:,} of {first.population:,} questions)" if first.population else ""


def print_scores(folder: Path, run_record: RunRecord) -> None:
    """Print which run it is, how it ended, accuracy by task and perturbation, and where the record lies."""
    label = run_label(run_record.config, run_record.choices)
    ending = f"{run_record.status.value} {run_record.reason}".rstrip()
    lines = [f"{run_record.model}, {label}, seed {run_record.config['seed']}: {ending}"]
    for task in dict.fromkeys(score.task for score in run_record.scores):
        accuracies = "  ".join(f"{score.perturbation} {score.accuracy:.3f}" for score in run_record.scores if score.task == task)
        lines.append(f"{task:>20}  {accuracies}{_sample(run_record.scores, task)}")
        if pairing := run_record.pairings.get(task):
            lines += [f"{'':>20}  {line}" for line in pairing.lines]
    ties = sum(score.ties for score in run_record.scores)
    tied = f"{ties} ties, given to the first option; " if ties else ""
    rate = run_record.measured.get("questions_per_second")
    speed = f"{rate:.0f} questions/s; " if rate else ""
    lines.append(f"{'':>20}  {tied}{speed}{folder / record.RECORD}")
    print_result("\n".join(lines))
