"""A sweep from its plan to its end: what is recorded is skipped, the rest is handed to an engine, and nothing fails silently."""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from rna_bench.core import files
from rna_bench.core.labels import method_label, noise_label
from rna_bench.core.types import InputError
from rna_bench.experiment.compose import one_line
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import forget, gather
from rna_bench.experiment.load import SHARED
from rna_bench.experiment.run import execute
from rna_bench.runs import failure, lock, record
from rna_bench.sweep.plan import RECORDED, PlannedRun, RunState, State, SweepPlan, labels, run_state, run_states, save
from rna_bench.sweep.status import counts

KILLED = "its process was killed, perhaps for want of memory"
LOST = "it was started and left neither a record nor a reason"


class Engine(Protocol):
    """What composes the jobs of a sweep, and starts them: each is a list of overrides.

    `launch` returns for each job the error that it ended with, if any; it raises when the engine itself breaks down.
    """

    @property
    def results_dir(self) -> Path: ...
    @property
    def jobs(self) -> Sequence[Sequence[str]]: ...
    def plan(self, overrides: Sequence[str]) -> ExperimentConfig: ...
    def launch(self, jobs: Sequence[Sequence[str]]) -> Sequence[BaseException | None]: ...


def conduct(name: str, engine: Engine) -> bool:
    """Carry out a sweep, or what is left of it, and return whether each of its runs is recorded.

    A process that dies may take others with it that did nothing wrong (joblib ends its whole pool then): runs that were
    interrupted are tried once more at the end, each alone.
    """
    record.provenance()  # before anything else can change
    files.probe(engine.results_dir)
    forget()
    plan = plan_sweep(name, engine)
    save(plan)
    todo, interrupted = _begin(plan), []
    while todo:
        seen = _launch(engine, plan, todo)
        interrupted += [one.run for one in seen if one.state is State.interrupted]
        left = [one.run for one in seen if one.state is State.pending]
        if len(left) == len(todo):  # the engine runs nothing: no use in asking it again
            interrupted += left
            break
        todo = left
    for run in interrupted:
        (one,) = _launch(engine, plan, [run])
        if one.state in (State.interrupted, State.pending):
            lock.forget(plan.results_dir, run.identity)
            _keep(plan.results_dir, run, KILLED if one.state is State.interrupted else LOST, None)
    return _end(plan)


def plan_sweep(name: str, engine: Engine) -> SweepPlan:
    """Return the plan: each job composed, checked and given its identity, and each identity once."""
    jobs, runs = engine.jobs, {}
    label = labels(jobs)
    for overrides in tqdm(jobs, desc="planning", unit=" runs", disable=None, leave=False):
        run = _planned(engine.plan(overrides), overrides, label(overrides))
        runs.setdefault(run.identity or run.label, run)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    revision = record.provenance()["revision"]
    return SweepPlan(name, engine.results_dir, created, tuple(sys.argv[1:]), revision, tuple(runs.values()))


def _planned(plan: ExperimentConfig, overrides: Sequence[str], label: str) -> PlannedRun:
    try:
        return PlannedRun(gather(plan).identity, tuple(overrides), label)
    except InputError as error:  # a gated model, say: the others can run
        return PlannedRun("", tuple(overrides), label, str(error))


def _begin(plan: SweepPlan) -> list[PlannedRun]:
    """Say in a line each which runs are not simply run, clear what a retry replaces, and return the runs to do."""
    seen = run_states(plan)
    print(f"sweep {plan.name}: {len(seen)} runs in {plan.results_dir}: {counts(seen)}", flush=True)
    for one in seen:
        if one.state in RECORDED:
            print(f"  skipped  {_named(one.run)}: recorded{f', {one.state.value}' if one.why else ''}")
        elif one.state is State.failed and not one.run.problem:
            failure.clear(plan.results_dir / one.run.identity)
            print(f"  again    {_named(one.run)}: failed before: {one.why}")
        elif one.state is State.interrupted:
            print(f"  again    {_named(one.run)}: interrupted: {one.why}")
        elif one.state is State.running:
            print(f"  left     {_named(one.run)}: {one.why}")
        elif one.why:
            print(f"  again    {_named(one.run)}: {one.why}", file=sys.stderr)
    sys.stdout.flush()
    for run in plan.runs:
        if run.problem:
            print(f"FAILED {_named(run)}: {run.problem}", file=sys.stderr, flush=True)
    return [one.run for one in seen if one.state not in (*RECORDED, State.running) and not one.run.problem]


def _launch(engine: Engine, plan: SweepPlan, todo: Sequence[PlannedRun]) -> list[RunState]:
    """Hand the runs to the engine, and return how they stand after it; when it breaks down, say so and go on."""
    before = {run.identity: lock.holding(plan.results_dir, run.identity) for run in todo}
    errors: Sequence[BaseException | None] = [None] * len(todo)
    try:
        errors = engine.launch([run.overrides for run in todo])
    except Exception as error:  # a worker that died takes joblib's whole pool with it, for one
        print(f"the engine broke down ({one_line(error)}); going on with what is left", file=sys.stderr, flush=True)
        while any(one.state is State.running for one in run_states(plan, todo)):  # Ray's other workers live on
            time.sleep(1)
    for run, error in zip(todo, errors, strict=True):
        if error and run_state(plan.results_dir, run).state in (State.pending, State.interrupted):  # it could not say so itself
            lock.forget(plan.results_dir, run.identity)
            _keep(plan.results_dir, run, error_line(error), error)
    seen = run_states(plan, todo)
    same = [lock.holding(plan.results_dir, one.run.identity) == before[one.run.identity] for one in seen]
    return [
        replace(one, state=State.pending) if one.state is State.interrupted and untouched else one
        for one, untouched in zip(seen, same, strict=True)
    ]


def _end(plan: SweepPlan) -> bool:
    """Say how the sweep ended, and return whether each run is recorded."""
    seen = run_states(plan)
    for one in seen:
        if one.state in (State.failed, State.diverged, State.collapsed):
            print(f"  {one.state.value:<9} {_named(one.run)}: {one.why}", file=sys.stderr)
        elif one.state is State.running:
            print(f"  left      {_named(one.run)} to {one.why}")
    print(f"sweep {plan.name}: {counts(seen)} of {len(seen)}; rna-bench tables {plan.results_dir}", flush=True)
    return all(one.state in (*RECORDED, State.running) for one in seen)


def attempt(plan: ExperimentConfig) -> None:
    """Carry out one run of a sweep. An error is told at once and kept in the run's folder, and stops no other run."""
    identity, seed = gather(plan).identity, plan.config["seed"]
    try:
        execute(plan, several=True)
    except lock.BusyError as busy:
        print(f"left: {busy}", flush=True)
    except Exception as error:
        SHARED.forget()
        noise = noise_label(plan.config["noise"]) or "0"
        label = f"{method_label(plan.choices['method'], plan.choices.get('retain'))}, noise {noise}, seed {seed}"
        _keep(plan.results_dir, PlannedRun(identity, (), label), error_line(error), error)


def error_line(error: BaseException) -> str:
    """Return an error as one line; that of an InputError says itself what to do."""
    return str(error) if isinstance(error, InputError) or not isinstance(error, Exception) else one_line(error)


def _keep(results_dir: Path, run: PlannedRun, reason: str, error: BaseException | None) -> None:
    """Tell of a failure, and keep it in the run's folder."""
    print(f"FAILED {_named(run)}: {reason}", file=sys.stderr, flush=True)
    try:
        failure.write(results_dir / run.identity, reason, error)
    except InputError as refused:
        print(f"  the reason could not be kept: {refused}", file=sys.stderr, flush=True)


def _named(run: PlannedRun) -> str:
    return f"{run.identity or '-'} ({run.label})" if run.label else run.identity
