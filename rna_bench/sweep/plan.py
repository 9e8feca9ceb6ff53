"""The plan that a sweep stores when it starts, and how each of its runs stands, from files alone."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from rna_bench.core.files import keep
from rna_bench.core.types import InputError
from rna_bench.runs import failure, lock
from rna_bench.runs.record import read_summary

FOLDER = ".sweeps"


@dataclass(frozen=True)
class PlannedRun:
    """A run of a sweep: its identity, what it is composed from, and the part of that in which it differs from others.

    `problem` says why it cannot be run, where its inputs are not there; it has no identity then.
    """

    identity: str
    overrides: tuple[str, ...]
    label: str
    problem: str = ""


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep is to run, as it was when it started last."""

    name: str
    results_dir: Path
    created: str
    command: tuple[str, ...]
    revision: str | None
    runs: tuple[PlannedRun, ...]


class State(Enum):
    """How a planned run stands. `interrupted`: its process ended without a word. `diverged` and `collapsed` are recorded."""

    done = "done"
    diverged = "diverged"
    collapsed = "collapsed"
    running = "running"
    interrupted = "interrupted"
    failed = "failed"
    pending = "pending"


RECORDED = (State.done, State.diverged, State.collapsed)


@dataclass(frozen=True)
class RunState:
    """A planned run and how it stands; `why` says more, `seconds` and `revision` are those of its record."""

    run: PlannedRun
    state: State
    why: str = ""
    seconds: float | None = None
    revision: str | None = None


def save(plan: SweepPlan) -> None:
    """Store the plan in its results folder, in place of an earlier one of the name."""
    text = json.dumps({**asdict(plan), "results_dir": str(plan.results_dir)}, indent=1)
    keep(_path(plan.results_dir, plan.name), lambda path: path.write_text(text, encoding="utf-8"), plan.results_dir)


def load(results_dir: Path, name: str) -> SweepPlan:
    """Return the stored plan, its runs to be looked for in the folder where it lies now."""
    path = _path(results_dir, name)
    try:
        values: dict[str, Any] = json.loads(path.read_bytes())
        runs = tuple(_planned(run) for run in values["runs"])
        command = tuple(values["command"])
        return SweepPlan(values["name"], results_dir, values["created"], command, values["revision"], runs)
    except FileNotFoundError:
        raise InputError("sweep", name, f"was not started in {results_dir}; say `rna-bench sweep {name}`") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = f"its plan, {path}, cannot be read ({' '.join(str(error).split())}); start it again"
        raise InputError("sweep", name, remedy) from error


def _planned(values: Mapping[str, Any]) -> PlannedRun:
    return PlannedRun(values["identity"], tuple(values["overrides"]), values["label"], values["problem"])


def run_state(results_dir: Path, run: PlannedRun) -> RunState:
    """Return how a run stands: by its record, else its lock, else what a failure left."""
    if run.problem:
        return RunState(run, State.failed, run.problem)
    folder = results_dir / run.identity
    try:
        seen = read_summary(folder)
    except InputError as error:
        return _unrecorded(results_dir, run, f"{error}; it is made again")
    if seen is None:
        return _unrecorded(results_dir, run, "")
    state = State.done if seen.status == "finished" else State(seen.status)
    revision = f"{seen.revision}{'+' if seen.changed else ''}" if seen.revision else None
    return RunState(run, state, seen.reason, seen.seconds, revision)


def _unrecorded(results_dir: Path, run: PlannedRun, why: str) -> RunState:
    seen = lock.holding(results_dir, run.identity)
    if seen:
        state = State.running if seen.alive else State.interrupted
        return RunState(run, state, f"{seen.owner}" if seen.alive else f"{seen.owner}, died")
    failed = failure.read(results_dir / run.identity)
    if failed:
        return RunState(run, State.failed, failed.reason)
    return RunState(run, State.pending, why)


def run_states(plan: SweepPlan, runs: Sequence[PlannedRun] | None = None) -> list[RunState]:
    """Return how the plan's runs, or those given, stand."""
    return [run_state(plan.results_dir, run) for run in (plan.runs if runs is None else runs)]


def labels(jobs: Sequence[Sequence[str]]) -> Callable[[Sequence[str]], str]:
    """Return what names a job: those of its overrides that not all jobs have, or all where there is one job."""
    common = set(jobs[0]).intersection(*map(set, jobs[1:])) if len(jobs) > 1 else set()
    return lambda job: " ".join(word for word in job if word not in common)


def _path(results_dir: Path, name: str) -> Path:
    return results_dir / FOLDER / f"{name}.json"
