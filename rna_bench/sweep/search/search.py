"""A search from its first trial to its front: each trial is an ordinary run, and a failed one stops no other."""

import logging
import time
from pathlib import Path

from optuna.trial import TrialState

from rna_bench.core import files
from rna_bench.core.log import print_result
from rna_bench.core.types import InputError, RunRecord, Status
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import gather
from rna_bench.experiment.load import SHARED
from rna_bench.experiment.run import execute
from rna_bench.runs import failure, lock, record
from rna_bench.sweep.search.front import trial_counts, write_front
from rna_bench.sweep.search.plan import SearchPlan
from rna_bench.sweep.search.study import Study, TrialClaim, TrialOutcome, latest_trials, load_study, open_study
from rna_bench.sweep.sweep import error_line

POLL = 2.0
"""Seconds between two checks whether another process has finished the run that is wanted here."""

log = logging.getLogger(__name__)


def run_search(plan: SearchPlan) -> bool:
    """Run the trials that are left of a search, print and write its front, and return whether all of its trials succeeded."""
    record.provenance()  # before anything else can change
    files.probe(plan.base.results_dir)
    try:
        with open_study(plan) as study:
            log.info("search %s: %s; %s", plan.name, trial_counts(plan, study.trials), plan.folder)
            _run_trials(plan, study)
            print_result(write_front(plan, study.front(), study.trials).rstrip("\n"))
            return not any(trial.state is TrialState.FAIL for trial in latest_trials(study.trials).values())
    except OSError as error:
        raise files.unwritable(plan.base.results_dir, error) from error


def show_front(plan: SearchPlan) -> bool:
    """Print and write the front of a search so far, and return True; nothing is run."""
    study = load_study(plan)
    print_result(write_front(plan, study.front(), study.trials).rstrip("\n"))
    return True


def _run_trials(plan: SearchPlan, study: Study) -> None:
    """Run trial after trial until none is left, or too many in a row have failed."""
    failures = 0
    while failures < plan.search.patience:
        claim = study.claim()
        if not claim:
            return
        failures = 0 if _run_trial(plan, study, claim) else failures + 1
    log.error("search %s: stopped after %d failures in a row; mend their cause and start it again", plan.name, failures)


def _run_trial(plan: SearchPlan, study: Study, claim: TrialClaim) -> bool:
    """Run a trial and report its outcome to the study; return whether it succeeded."""
    values = " ".join(f"{name}={value}" for name, value in claim.values.items())
    label = f"trial {claim.place} of {plan.search.trials}, {values}"
    log.info("%s%s", label, f", again, as {claim.again}" if claim.again else "")
    experiment = None
    try:
        experiment = plan.experiment(claim.values)
        result = record.read(_execute(experiment) / record.RECORD)
        diverged = result.status is Status.diverged
        objectives = [] if diverged else [objective.value(result) for objective in plan.objectives.values()]
    except Exception as error:  # whatever a run ends with, the others go on
        SHARED.clear()
        return _failed(study, claim, label, _keep_error(experiment, error), error_line(error), final=False)
    if diverged:
        return _failed(study, claim, label, result.identity, f"diverged: {result.reason}", final=True)
    unfit = _unfit(result)
    study.report(claim, TrialOutcome(result.identity, objectives, unfit))
    shown = ", ".join(f"{name} {value:.1f}" for name, value in zip(plan.objectives, objectives, strict=True))
    log.info("%s: %s%s", label, shown, f" ({unfit}, so kept off the front)" if unfit else "")
    return True


def _unfit(result: RunRecord) -> str:
    return "" if result.status is Status.finished else result.status.value


def _failed(study: Study, claim: TrialClaim, label: str, identity: str, reason: str, *, final: bool) -> bool:
    study.report_failure(claim, identity, reason, final=final)
    log.error("%s: FAILED: %s", label, reason)
    return False


def _execute(experiment: ExperimentConfig) -> Path:
    """Carry out a run and return its folder; if another process is running it, for instance a sweep, wait for its record."""
    waiting = False
    while True:
        try:
            return execute(experiment, several=True)
        except lock.BusyError as busy:
            if not waiting:
                log.info("waiting: %s", busy)
            waiting = True
            time.sleep(POLL)


def _keep_error(experiment: ExperimentConfig | None, error: Exception) -> str:
    """Write an error with its traceback to the run's folder, and return the run's identity, "" if it failed before it had one."""
    try:
        identity = gather(experiment).identity if experiment else ""
    except Exception:  # the error itself
        return ""
    try:
        if experiment:
            failure.write(experiment.results_dir / identity, error_line(error), error)
    except InputError as unwritable:
        log.warning("the reason could not be kept: %s", unwritable)
    return identity
