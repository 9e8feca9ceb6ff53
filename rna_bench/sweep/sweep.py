"""A sweep from its plan to its end: recorded runs are skipped, an engine starts the others, and every failure is reported."""

import logging
import os
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rna_bench.core import files
from rna_bench.core.labels import noise_label
from rna_bench.core.types import InputError
from rna_bench.experiment.compose import one_line
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import drop_cached, gather
from rna_bench.experiment.load import SHARED
from rna_bench.experiment.run import execute
from rna_bench.runs import failure, lock, record
from rna_bench.runs.labels import method_of_run
from rna_bench.sweep.naming import SweepRequest, named
from rna_bench.sweep.plan import RECORDED, PlannedRun, RunPhase, RunState, SweepPlan, run_state, run_states, save_plan
from rna_bench.sweep.planning import Engine, compose_grid, plan_sweep
from rna_bench.sweep.progress import show_progress
from rna_bench.sweep.status import phase_counts

KILLED = "its process was killed, perhaps because memory ran out"
LOST = "it was started and left neither a record nor a reason"

log = logging.getLogger(__name__)


def run_sweep(request: SweepRequest, engine: Engine) -> bool:
    """Run a sweep, or what is left of it, and return whether each of its runs is recorded.

    A process that dies may take others with it that did nothing wrong (joblib then ends its whole pool): runs that were
    interrupted are tried once more at the end, each alone.
    """
    record.provenance()  # before anything else can change
    combinations = compose_grid(engine)
    files.probe(engine.results_dir)
    drop_cached()
    plan = named(plan_sweep(request, engine, combinations), request)
    save_plan(plan)
    todo = _begin(plan)
    with show_progress(plan):
        for run in _launch_all(engine, plan, todo):
            (one,) = _launch(engine, plan, [run])
            if one.phase in (RunPhase.interrupted, RunPhase.pending):
                lock.clear_dead_owner(plan.results_dir, run.identity)
                _report_failure(plan.results_dir, run, KILLED if one.phase is RunPhase.interrupted else LOST, None)
    return _end(plan)


def _begin(plan: SweepPlan) -> list[PlannedRun]:
    """Report which runs are not started for the first time, clear what a retry replaces, and return the runs to do."""
    states = run_states(plan)
    log.info("sweep %s: %d runs in %s: %s", plan.name, len(states), plan.results_dir, phase_counts(states))
    for one in states:
        name = _named(one.run)
        if one.phase in RECORDED:
            log.info("  skipped  %s: recorded%s", name, f", {one.phase.value}" if one.why else "")
        elif one.run.problem:
            log.error("FAILED %s: %s", name, one.run.problem)
        elif one.phase is RunPhase.failed:
            failure.clear(plan.results_dir / one.run.identity)
            log.info("  again    %s: failed before: %s", name, one.why)
        elif one.phase is RunPhase.interrupted:
            log.info("  again    %s: interrupted: %s", name, one.why)
        elif one.phase is RunPhase.running:
            log.info("  left     %s: %s", name, one.why)
        elif one.why:
            log.warning("again %s: %s", name, one.why)
    return [one.run for one in states if one.phase not in (*RECORDED, RunPhase.running) and not one.run.problem]


def _launch_all(engine: Engine, plan: SweepPlan, todo: Sequence[PlannedRun]) -> list[PlannedRun]:
    """Launch the runs until each has been started, and return those that were interrupted."""
    interrupted: list[PlannedRun] = []
    while todo:
        states = _launch(engine, plan, todo)
        interrupted += [one.run for one in states if one.phase is RunPhase.interrupted]
        left = [one.run for one in states if one.phase is RunPhase.pending]
        if len(left) == len(todo):  # the engine starts nothing: another launch would not either
            return interrupted + left
        todo = left
    return interrupted


def _launch(engine: Engine, plan: SweepPlan, todo: Sequence[PlannedRun]) -> list[RunState]:
    """Launch the runs with the engine, and return their states afterwards; if the engine breaks down, report it and go on."""
    before = {run.identity: lock.lock_state(plan.results_dir, run.identity) for run in todo}
    errors: Sequence[BaseException | None] = [None] * len(todo)
    log.debug("launching %d runs", len(todo))
    try:
        errors = engine.launch([(*run.overrides, f"sweep={plan.name}") for run in todo])  # the name, for trackers
    except Exception as error:  # for instance a worker that died, which ends joblib's whole pool
        log.warning("the engine broke down (%s); going on with what is left", one_line(error))
        while any(one.phase is RunPhase.running for one in run_states(plan, todo)):  # Ray's other workers live on
            time.sleep(1)
    for run, error in zip(todo, errors, strict=True):
        phase = run_state(plan.results_dir, run).phase
        if error and phase in (RunPhase.pending, RunPhase.interrupted):  # the run could not report it itself
            lock.clear_dead_owner(plan.results_dir, run.identity)
            _report_failure(plan.results_dir, run, error_line(error), error)
    states = run_states(plan, todo)
    untouched = [lock.lock_state(plan.results_dir, run.identity) == before[run.identity] for run in todo]
    return [
        replace(one, phase=RunPhase.pending) if one.phase is RunPhase.interrupted and same else one
        for one, same in zip(states, untouched, strict=True)
    ]


def _end(plan: SweepPlan) -> bool:
    """Report how the sweep ended, and return whether each run is recorded, or running in another process."""
    states = run_states(plan)
    for one in states:
        if one.phase in (RunPhase.failed, RunPhase.diverged, RunPhase.collapsed):
            log.warning("%s %s: %s", one.phase.value, _named(one.run), one.why)
        elif one.phase is RunPhase.running:
            log.info("  left      %s to %s", _named(one.run), one.why)
    log.info("sweep %s: %s of %d; rna-bench tables %s", plan.name, phase_counts(states), len(states), plan.results_dir)
    return all(one.phase in (*RECORDED, RunPhase.running) for one in states)


def run_job(experiment: ExperimentConfig) -> None:
    """Carry out one run of a sweep. An error is reported at once and kept in the run's folder, and stops no other run."""
    identity, seed = gather(experiment).identity, experiment.config["seed"]
    log.debug("%s: started in process %d", identity, os.getpid())
    try:
        execute(experiment, several=True)
    except lock.BusyError as busy:
        log.info("left: %s", busy)
    except Exception as error:
        SHARED.clear()
        noise = noise_label(experiment.config["noise"]) or "0"
        label = f"{method_of_run(experiment.config, experiment.choices)}, noise {noise}, seed {seed}"
        _report_failure(experiment.results_dir, PlannedRun(identity, (), label), error_line(error), error)


def error_line(error: BaseException) -> str:
    """Return an error as one line; the message of an InputError already says what to do."""
    return str(error) if isinstance(error, InputError) or not isinstance(error, Exception) else one_line(error)


def _report_failure(results_dir: Path, run: PlannedRun, reason: str, error: BaseException | None) -> None:
    """Report a failure, and keep it in the run's folder."""
    log.debug("%s", "".join(traceback.format_exception(error)).rstrip() if error else reason)
    log.error("FAILED %s: %s", _named(run), reason)
    try:
        failure.write(results_dir / run.identity, reason, error)
    except InputError as unwritable:
        log.warning("the reason could not be kept: %s", unwritable)


def _named(run: PlannedRun) -> str:
    return f"{run.identity or '-'} ({run.label})" if run.label else run.identity
