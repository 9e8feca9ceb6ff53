"""Attacks on one recorded run after another in this process: what is asked for, and what came of each run."""

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rna_bench.core.schemas import build
from rna_bench.core.types import InputError, Status
from rna_bench.experiment.attack_config import NamedAttack, attacks_of, steps_of
from rna_bench.experiment.attack_report import attack_report
from rna_bench.experiment.attack_tracking import track_attacks
from rna_bench.experiment.attacking import AttackedRun, attack_run, recorded_attacks
from rna_bench.experiment.compose import compose_run, one_line
from rna_bench.experiment.load import SHARED
from rna_bench.experiment.restored import experiment_of, recorded_inputs, retrain
from rna_bench.runs.attack_record import AttackRecord
from rna_bench.runs.collection import Recorded
from rna_bench.runs.identity import trains
from rna_bench.runs.lock import BusyError
from rna_bench.runs.lookup import find_delta, has_delta
from rna_bench.runs.record import RECORD, read
from rna_bench.runs.tracking import Tracker

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class AttackRequest:
    """Attacks on recorded runs; where their trained tensors are, or whether to make them again where there are none.

    Scores are logged at the `tracker`.
    """

    attacks: tuple[NamedAttack, ...]
    tracker: Tracker
    deltas: Path | None
    retrain: bool


@dataclass(frozen=True)
class AttackOutcome:
    """What came of a run: its scores as text, or why it could not be attacked, or why it was left (another process has it)."""

    folder: Path
    text: str = ""
    problem: str = ""
    left: str = ""


def attack_request(words: Sequence[str], own: Path | None, deltas: Path | None, *, retrain: bool) -> AttackRequest:
    """Return what KEY=VALUE words ask for; no attack at all is an error. `own` is a user's folder of configuration."""
    composed, _ = compose_run(["method=none", "tracker=none", *words], own)
    attacks = attacks_of(composed.attack)
    if not attacks:
        raise InputError("attack", "[]", "give attack=[NAME,...]; `rna-bench list attacks` says what there is")
    if steps := steps_of(attacks):
        raise InputError("attack.at", sorted(steps), "states at steps are there while a run trains; give it to `rna-bench run`")
    return AttackRequest(attacks, build("tracker", composed.tracker), deltas, retrain)


def recorded_outcome(run: Recorded, attacks: Sequence[NamedAttack]) -> AttackOutcome | None:
    """Return what is recorded of the attacks on a run, or why they cannot be recorded there; None where some are to be done."""
    try:
        made = recorded_attacks(run.folder, attacks)
    except InputError as error:  # of the same name with other settings, or damaged
        return AttackOutcome(run.folder, problem=str(error))
    if made is None and run.record.status is Status.diverged:
        return AttackOutcome(run.folder, left=f"{run.folder.name} diverged, so there are no trained tensors to attack")
    return None if made is None else _done(run, made)


def attack_recorded(folder: Path, request: AttackRequest) -> AttackOutcome:
    """Attack the run in a folder, unless that is recorded; an error is a line of the outcome, and stops no other run."""
    try:
        run = Recorded(read(folder / RECORD, folder.resolve().name), folder)
        return recorded_outcome(run, request.attacks) or _attack(run, request)
    except BusyError as busy:
        return AttackOutcome(folder, left=str(busy))
    except Exception as error:
        SHARED.clear()  # whatever state its model is in
        LOG.debug("%s", traceback.format_exc().rstrip())
        return AttackOutcome(folder, problem=str(error) if isinstance(error, InputError) else one_line(error))


def _attack(run: Recorded, request: AttackRequest) -> AttackOutcome:
    attacked = _attacked(run, request)
    made = attack_run(attacked, request.attacks)
    track_attacks(attacked.experiment, attacked.inputs, run.folder, run.record)
    return _done(run, made)


def _done(run: Recorded, made: Sequence[AttackRecord]) -> AttackOutcome:
    return AttackOutcome(run.folder, "\n".join(attack_report(run.record, run.folder, one) for one in made))


def _attacked(run: Recorded, request: AttackRequest) -> AttackedRun:
    experiment = replace(experiment_of(run.record), tracker=request.tracker)
    inputs = recorded_inputs(experiment, run.record)
    return AttackedRun(experiment, inputs, run.folder, _delta(run, request) if trains(run.record.config) else None)


def _delta(run: Recorded, request: AttackRequest) -> Path:
    if request.retrain and not has_delta(run.folder, run.record, request.deltas):
        return retrain(experiment_of(run.record), run.record)
    return find_delta(run.folder, run.record, request.deltas)
