"""What trackers see of attacks: a run's session is opened again, and goes on with the attacks after what it had."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy

from rna_bench.core.types import RunRecord
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import Inputs
from rna_bench.experiment.result import log_record, run_info
from rna_bench.experiment.train import replay
from rna_bench.reporting.statistics.recovery_speed import area
from rna_bench.runs.attack_record import AttackRecord, AttackScore, attack_paths, read_attack
from rna_bench.runs.identity import OUTSIDE
from rna_bench.runs.tracking import NullTracker, Session
from rna_bench.runs.tracking.metrics import AREA, attack_metric
from rna_bench.unlearning.log import TrainingLog


def track_attacks(experiment: ExperimentConfig, inputs: Inputs, folder: Path, run: RunRecord) -> None:
    """Log the attacks on a recorded run, at its end, at the experiment's tracker, in the order in which they were made.

    A session is given all of its run's rows from the beginning, so those of training come first.
    """
    if isinstance(experiment.tracker, NullTracker):
        return
    everything = map(read_attack, attack_paths(folder))
    made = sorted((one for one in everything if one.step is None), key=lambda one: (one.measured.get("finished", ""), one.attack))
    config = {**experiment.config, **{key: run.measured[key] for key in OUTSIDE if key in run.measured}}
    info = run_info(replace(experiment, config=config), replace(inputs, identity=run.identity, fingerprints=run.fingerprints))
    with experiment.tracker.session(folder, info) as session:
        replay(session, TrainingLog(list(run.losses), list(run.eval_points)))
        log_record(session, folder, run)
        for one in made:
            _log(session, one)


def _log(session: Session, made: AttackRecord) -> None:
    """Log a row for each budget, at that step, and as results accuracies at its end and areas along it."""
    for budget in sorted({score.budget for score in made.scores}):
        session.log(budget, {attack_metric(score): score.accuracy for score in made.scores if score.budget == budget})
    curves: dict[str, list[AttackScore]] = {}
    for score in made.scores:
        curves.setdefault(attack_metric(score), []).append(score)
    session.summarise({**_ends(curves), **_areas(curves)})


def _ends(curves: Mapping[str, Sequence[AttackScore]]) -> dict[str, Any]:
    return {name: max(scores, key=lambda score: score.budget).accuracy for name, scores in curves.items()}


def _areas(curves: Mapping[str, Sequence[AttackScore]]) -> dict[str, Any]:
    along = {name: sorted(scores, key=lambda score: score.budget) for name, scores in curves.items() if scores[0].role == "forget"}
    return {
        f"{name.rpartition('/')[0]}/{AREA}": float(
            area([score.budget for score in scores], numpy.array([score.accuracy for score in scores]))
        )
        for name, scores in along.items()
        if len(scores) > 1
    }
