"""Attacks on a recorded run: its trained tensors are put back, each attack is judged at its stages, and recorded beside the run."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from platform import node
from typing import Any, NamedTuple

import torch

from rna_bench.attacks.protocol import Target, sees_reference
from rna_bench.core import files, seeds
from rna_bench.core.log import print_result
from rna_bench.core.types import InputError, Response, Status
from rna_bench.evaluation.attack_scores import attack_scores
from rna_bench.evaluation.requests import EvalSet, make_eval_set
from rna_bench.evaluation.scoring import evaluate, sharing_problem
from rna_bench.experiment.attack_config import NamedAttack
from rna_bench.experiment.attack_report import attack_report
from rna_bench.experiment.attack_split import Split, split
from rna_bench.experiment.attack_tracking import track_attacks
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import Inputs
from rna_bench.experiment.load import SHARED
from rna_bench.experiment.states import clear_states, find_state
from rna_bench.models.delta import applied
from rna_bench.models.loading import context_length
from rna_bench.models.policies import preserved
from rna_bench.runs import record
from rna_bench.runs.attack_record import (
    SCHEMA_VERSION,
    AttackRecord,
    AttackResponse,
    Found,
    as_stored,
    clear_drafts,
    read_attack,
    record_path,
    write_attack,
)
from rna_bench.runs.identity import trains
from rna_bench.runs.integrity import DELTA, delta_hash
from rna_bench.runs.lock import run_lock
from rna_bench.runs.lookup import find_delta

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class AttackedRun:
    """A recorded run to attack: its experiment, questions and model, its folder, and the file of its trained tensors, if any."""

    experiment: ExperimentConfig
    inputs: Inputs
    folder: Path
    delta: Path | None


def recorded_attacks(folder: Path, attacks: Sequence[NamedAttack], trained: str | None = None) -> list[AttackRecord] | None:
    """Return the records of attacks on the run in a folder; None unless all are there.

    Raise InputError where an attack of the same name has other settings, or is on other tensors than those with the hash `trained`.
    """
    made = [_recorded(folder, one, trained) for one in attacks]
    return [one for one in made if one] if all(made) else None


def attack_run(run: AttackedRun, attacks: Sequence[NamedAttack]) -> list[AttackRecord]:
    """Return the records of attacks on a run, made unless they are there; raise BusyError while another process attacks the run."""
    results_dir, name = attack_lock(run.folder)
    files.probe(results_dir)
    with run_lock(results_dir, name) as dead_owner:
        if dead_owner:
            clear_drafts(run.folder)
        return [_recorded(run.folder, one, None) or _attack(run, one) for one in attacks]


def attack_lock(folder: Path) -> tuple[Path, str]:
    """Return the results folder and the name of the lock that is held while the run in a folder is attacked."""
    return folder.parent, f"{folder.name}.attack"


def attack_at_end(experiment: ExperimentConfig, inputs: Inputs, folder: Path) -> None:
    """Attack a run that was recorded just now, or before, and print the scores; one that diverged is left out, and named."""
    made = record.read(folder / record.RECORD)
    results = recorded_attacks(folder, experiment.attacks, made.sha256.get(DELTA))
    if results is None:
        if made.status is Status.diverged:
            LOG.warning("%s diverged, so there are no trained tensors to attack", folder.name)
            clear_states(folder)
            return
        delta = find_delta(folder, made) if trains(made.config) else None
        results = attack_run(AttackedRun(experiment, inputs, folder, delta), experiment.attacks)
        track_attacks(experiment, inputs, folder, made)
    clear_states(folder)
    for one in results:
        print_result(attack_report(made, folder, one))


def _recorded(folder: Path, attack: NamedAttack, trained: str | None) -> AttackRecord | None:
    path = record_path(folder, attack.name, attack.at)
    if not path.exists():
        return None
    made = read_attack(path)
    differing = [key for key in {**made.config, **attack.config} if made.config.get(key) != attack.config.get(key)]
    if differing:
        key = f"{attack.key}.{differing[0]}"
        remedy = f"{path} has {made.config.get(differing[0])}; remove it, or name these settings in a YAML file of their own"
        raise InputError(key, attack.config.get(differing[0]), remedy)
    if trained and made.step is None and made.sha256.get(DELTA) != trained:
        raise InputError("attack", path, "is of other trained tensors than the run has now; remove it, and it is made again")
    return made


def _attack(run: AttackedRun, attack: NamedAttack) -> AttackRecord:
    begun, experiment = time.perf_counter(), run.experiment
    torch.set_num_threads(experiment.threads)
    parts = split(experiment, run.inputs.tasks, attack.attack.facts, attack.key)
    delta = run.delta if attack.at is None else find_state(run.folder, attack.at)
    with _restored(run, delta) as target:
        judged = list(_judged(target, _eval_set(experiment, parts, target), parts, attack, experiment.seed))
    responses = [response for stage in judged for response in stage.responses]
    made = AttackRecord(
        schema_version=SCHEMA_VERSION,
        run=run.folder.name,
        attack=attack.name,
        seed=experiment.seed,
        config=attack.config,
        retaught=dict(parts.retaught),
        scores=attack_scores(attack.name, responses),
        provenance=record.provenance(),
        measured=_measured(time.perf_counter() - begun),
        sha256={DELTA: delta_hash(delta)} if delta else {},
        sees_reference=sees_reference(attack.attack),
        found=tuple(found for stage in judged for found in stage.found),
        step=attack.at,
    )
    return write_attack(run.folder, made, responses)


@contextmanager
def _restored(run: AttackedRun, delta: Path | None) -> Iterator[Target]:
    """Yield the run's model as a target; at the end the base model's weights are restored, whatever became of them."""
    experiment = run.experiment
    model, tokenizer = SHARED.model(run.inputs.model, run.inputs.fingerprints["model"])
    sharing = not sharing_problem(model)

    def ask(eval_set: EvalSet) -> list[Response]:
        return evaluate(eval_set, model, experiment.scoring.batch_tokens, sharing=sharing)

    with preserved(model), applied(delta, model) if delta else nullcontext({}) as reference:
        yield Target(model, tokenizer, ask, reference)


class _Judged(NamedTuple):
    """A stage's responses, and what the attack had found by then: one thing or none."""

    responses: list[AttackResponse]
    found: list[Found]


def _judged(target: Target, eval_set: EvalSet, parts: Split, attack: NamedAttack, seed: int) -> Iterator[_Judged]:
    random = seeds.random(seed, "attack", attack.name)
    shown = target if sees_reference(attack.attack) else replace(target, reference={})
    for stage in attack.attack.stages(shown, parts.text, random):
        own = partial(AttackResponse, stage.budget, stage.variant)
        found = [Found(stage.budget, stage.variant, dict(stage.found))] if stage.found else []
        yield _Judged([own(as_stored(one)) for one in stage.readout(eval_set)], found)


def _eval_set(experiment: ExperimentConfig, parts: Split, target: Target) -> EvalSet:
    """Return all questions, clean, with those on facts that are taught again in a role of their own."""
    pool, newlines = experiment.trigger.pool(experiment.seed), experiment.scoring.newlines
    context = context_length(target.model, target.tokenizer)
    return make_eval_set(parts.tasks, (), pool, target.tokenizer, experiment.seed, count=1, newlines=newlines, context=context)


def _measured(seconds: float) -> dict[str, Any]:
    return {"finished": datetime.now(UTC).isoformat(timespec="milliseconds"), "host": node(), "seconds": seconds}
