"""A search from its first trial to its front: each trial is an ordinary run, and one that fails stops no other."""

import time
from pathlib import Path

from optuna.trial import TrialState

from rna_bench.core import files
from rna_bench.core.types import InputError, RunRecord, Status
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import gather
from rna_bench.experiment.load import SHARED
from rna_bench.experiment.run import execute
from rna_bench.runs import failure, lock, record
from rna_bench.sweep.search.front import standing, write_front
from rna_bench.sweep.search.request import Request
from rna_bench.sweep.search.study import Claim, Study, Told, existing, latest, opened
from rna_bench.sweep.sweep import error_line

POLL = 2.0
"""Seconds between looks whether another process is done with the very run that is wanted here."""


def conduct(request: Request) -> bool:
    """Try what is left of a search, print and write its front, and return whether all of its trials came out."""
    record.provenance()  # before anything else can change
    files.probe(request.base.results_dir)
    try:
        with opened(request) as study:
            print(f"search {request.name}: {standing(request, study.trials)}; {request.folder}", flush=True)
            _try_all(request, study)
            print(write_front(request, study.front(), study.trials), end="")
            return not any(trial.state is TrialState.FAIL for trial in latest(study.trials).values())
    except OSError as error:
        raise files.unwritable(request.base.results_dir, error) from error


def show(request: Request) -> bool:
    """Print and write the front of a search so far, and return True; nothing is run."""
    study = existing(request)
    print(write_front(request, study.front(), study.trials), end="")
    return True


def _try_all(request: Request, study: Study) -> None:
    """Try one setting after the other until none is left, or too many failed one after the other."""
    failures = 0
    while failures < request.search.patience:
        claim = study.claim()
        if not claim:
            return
        failures = 0 if _try(request, study, claim) else failures + 1
    print(f"search {request.name}: {failures} failures one after the other, so no more is tried now; mend it and start again")


def _try(request: Request, study: Study, claim: Claim) -> bool:
    """Run a setting and tell the study; return whether it came out."""
    values = " ".join(f"{name}={value}" for name, value in claim.values.items())
    shown = f"trial {claim.place} of {request.search.trials}, {values}"
    print(f"{shown}{f', again, as {claim.again}' if claim.again else ''}", flush=True)
    plan = None
    try:
        plan = request.plan(claim.values)
        made = record.read(_executed(plan) / record.RECORD)
        found = [objective.value(made) for objective in request.objectives.values()] if made.status is not Status.diverged else []
    except Exception as error:  # whatever a run ends with: the others go on
        SHARED.forget()
        identity = _keep(plan, error)
        return _failed(study, claim, shown, identity, error_line(error), final=False)
    if made.status is Status.diverged:
        return _failed(study, claim, shown, made.identity, f"diverged: {made.reason}", final=True)
    study.tell(claim, Told(made.identity, found, _unfit(made)))
    objectives = ", ".join(f"{name} {value:.1f}" for name, value in zip(request.objectives, found, strict=True))
    print(f"{shown}: {objectives}{f' ({_unfit(made)}, so not for the front)' if _unfit(made) else ''}", flush=True)
    return True


def _unfit(made: RunRecord) -> str:
    return "" if made.status is Status.finished else made.status.value


def _failed(study: Study, claim: Claim, shown: str, identity: str, reason: str, *, final: bool) -> bool:
    study.fail(claim, identity, reason, final=final)
    print(f"{shown}: FAILED: {reason}", flush=True)
    return False


def _executed(plan: ExperimentConfig) -> Path:
    """Carry out a run and return its folder; where another process is at the same run, a sweep, say, wait for its record."""
    waiting = False
    while True:
        try:
            return execute(plan, several=True)
        except lock.BusyError as busy:
            if not waiting:
                print(f"waiting: {busy}", flush=True)
            waiting = True
            time.sleep(POLL)


def _keep(plan: ExperimentConfig | None, error: Exception) -> str:
    """Keep an error with its traceback in the run's folder, and return the run's identity; "" where it failed before it had one."""
    try:
        identity = gather(plan).identity if plan else ""
    except Exception:  # the same that it failed of
        return ""
    try:
        if plan:
            failure.write(plan.results_dir / identity, error_line(error), error)
    except InputError as refused:
        print(f"the reason could not be kept: {refused}", flush=True)
    return identity
