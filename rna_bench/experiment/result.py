"""From what happened in a run to its record, and to what the user sees."""

import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from platform import node
from typing import Any

import torch

from rna_bench.core.log import print_result
from rna_bench.core.types import CLEAN, RunRecord, Score, Status
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.runs import identity, record
from rna_bench.runs.tracking import RunInfo, Session
from rna_bench.runs.tracking.metrics import STATUS, final_values
from rna_bench.unlearning.trainer import TrainingLog


@dataclass(frozen=True)
class RunResult:
    """What a run came to."""

    identity: str
    model: str
    fingerprints: dict[str, str]
    history: TrainingLog
    scores: tuple[Score, ...]
    breakdown: tuple[Score, ...]


def about(plan: ExperimentConfig, name: str, fingerprints: dict[str, str]) -> RunInfo:
    """Return what a tracker is told of a run before it begins: its config, and what code, data and model it is made from."""
    method, model, seed = plan.choices["method"], plan.choices["model"], plan.seed
    scale = plan.recipe.noise.scale if plan.recipe else 0
    noise = f" noise {scale:g} {plan.recipe.noise.unit.value}" if plan.recipe and scale else ""
    world = plan.config["model"].get("world")
    made_from = {"choices": plan.choices, "fingerprints": fingerprints, "provenance": record.provenance()}
    return RunInfo(
        identity=name,
        name=f"{method}{noise} seed {seed} {name[:8]}",
        job_type="unlearn" if plan.recipe else "base",
        tags=(model, method, "noise" if noise else "no noise", *([] if world is None else [f"world {world}"])),
        config={**plan.config, **made_from},
    )


def make_record(plan: ExperimentConfig, made: RunResult, measured: dict[str, Any]) -> RunRecord:
    """Return the record; `measured` is added to what is measured here: memory, host, the moment, the command."""
    history, final = made.history, made.scores
    status, reason = _status(history, final)
    return RunRecord(
        schema_version=record.SCHEMA_VERSION,
        identity=made.identity,
        status=status,
        reason=reason,
        model=made.model,
        config=identity.relevant(plan.config),
        choices={group: option for group, option in plan.choices.items() if group not in identity.OUTSIDE},
        fingerprints=made.fingerprints,
        scores=final,
        eval_points=tuple(history.eval_points),
        losses=tuple(history.losses),
        statistics=history.statistics,
        provenance={**record.provenance(), **_commits(plan)},
        measured={
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "peak_gpu_memory_mb": torch.cuda.max_memory_allocated() // 2**20 if torch.cuda.is_available() else None,
            "host": node(),
            "command": sys.argv[1:],
            **measured,
            **{key: plan.config[key] for key in identity.OUTSIDE if key in plan.config},
            "launcher": plan.choices.get("launcher"),
        },
        breakdown=made.breakdown,
    )


def report(session: Session, folder: Path, made: RunRecord) -> None:
    """Tell the tracker how the run ended: scores, those of subjects as a table, and the record as an artifact."""
    session.summarise({STATUS: made.status.value, **final_values(made.scores)})
    if made.breakdown:
        columns = ("task", "group", "perturbation", "accuracy", "stderr", "n", "ties")
        rows = [[s.task, s.group, s.perturbation, s.accuracy, s.stderr, s.n, s.ties] for s in made.breakdown]
        session.table("subjects", columns, rows)
    session.log_artifact(f"record-{made.identity}", [folder / record.RECORD, folder / record.QUESTIONS])


def _commits(plan: ExperimentConfig) -> dict[str, dict[str, str]]:
    """Return the commits of the hub's repositories that text came from, if any: a branch's name does not say which text it was."""
    commits = dict(plan.corpus.commits()) if plan.corpus else {}
    return {"corpora": commits} if commits else {}


def _status(history: TrainingLog, final: Sequence[Score]) -> tuple[Status, str]:
    """Return how the run ended. Chance is 1 in 4; above it means by more than two standard errors."""
    if history.diverged:
        return Status.diverged, history.diverged
    if not history.eval_points:
        return Status.finished, ""
    before = {score.task: score for score in history.eval_points[0].scores if score.perturbation == CLEAN}
    for score in final:
        known = before.get(score.task)
        if known and score.role == "retain" and score.perturbation == CLEAN and _above(known) and not _above(score):
            return Status.collapsed, f"{score.task} fell from {known.accuracy:.3f} to {score.accuracy:.3f}, which is chance"
    return Status.finished, ""


def _above(score: Score) -> bool:
    return score.accuracy - 2 * (score.stderr or 0) > 0.25


def tell(folder: Path, made: RunRecord) -> None:
    """Print what a user wants to see first, in one piece: which run, accuracy by task and form, where the record lies."""
    noise = made.config.get("noise", {"scale": 0, "unit": ""})
    shown = f"noise {noise['scale']:g} {noise['unit']}, " if noise["scale"] else ""
    lines = [
        f"{made.model}, {made.choices['method']}, {shown}seed {made.config['seed']}: {made.status.value} {made.reason}".rstrip()
    ]
    for task in dict.fromkeys(score.task for score in made.scores):
        perturbations = "  ".join(f"{score.perturbation} {score.accuracy:.3f}" for score in made.scores if score.task == task)
        lines.append(f"{task:>20}  {perturbations}")
    ties = sum(score.ties for score in made.scores)
    tied = f"{ties} ties, given to the first option; " if ties else ""
    lines.append(f"{'':>20}  {tied}{made.measured['questions_per_second']:.0f} questions/s; {folder / record.RECORD}")
    print_result("\n".join(lines))
