"""The plan that a sweep stores when it starts, and the state of each of its runs, read from files alone."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from rna_bench.core.files import keep
from rna_bench.core.renames import unquoted
from rna_bench.core.types import InputError
from rna_bench.runs import failure, lock
from rna_bench.runs.record import read_summary

FOLDER = ".sweeps"


@dataclass(frozen=True)
class PlannedRun:
    """A run of a sweep: its identity, the overrides that compose it, and a label of those that differ from run to run.

    `problem` says why the run is impossible, for instance because its model is not there; it has no identity then. `attacks` are
    the names of the files that its attacks are recorded in.
    """

    identity: str
    overrides: tuple[str, ...]
    label: str
    problem: str = ""
    attacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class SweepPlan:
    """The runs of a sweep, as planned when it was last started.

    `command` has the words after `rna-bench`, as they were given in the folder `directory`, which plans of earlier versions lack;
    `planned_in` is the results folder then, if it lies elsewhere now.
    """

    name: str
    results_dir: Path
    created: str
    command: tuple[str, ...]
    revision: str | None
    runs: tuple[PlannedRun, ...]
    directory: str = ""
    planned_in: Path | None = None


class RunPhase(Enum):
    """How far a planned run is. `interrupted`: its process died and left no reason. `diverged` and `collapsed` are recorded."""

    done = "done"
    diverged = "diverged"
    collapsed = "collapsed"
    running = "running"
    interrupted = "interrupted"
    failed = "failed"
    pending = "pending"


RECORDED = (RunPhase.done, RunPhase.diverged, RunPhase.collapsed)


@dataclass(frozen=True)
class RunState:
    """A planned run and its phase; `why` explains it, `seconds` and `revision` are those of its record."""

    run: PlannedRun
    phase: RunPhase
    why: str = ""
    seconds: float | None = None
    revision: str | None = None


def save_plan(plan: SweepPlan) -> None:
    """Store the plan in its results folder, in place of an earlier plan of the same name."""
    values = {key: value for key, value in asdict(plan).items() if key != "planned_in"}
    text = json.dumps({**values, "results_dir": str(plan.results_dir)}, indent=1)
    keep(plan_path(plan.results_dir, plan.name), lambda path: path.write_text(text, encoding="utf-8"), plan.results_dir)


def load_plan(results_dir: Path, name: str) -> SweepPlan:
    """Return the stored plan, with its runs in the given folder, wherever the sweep was started."""
    path = plan_path(results_dir, name)
    try:
        return _read(path, results_dir)
    except FileNotFoundError:
        others = ", ".join(plan.name for plan in stored_plans(results_dir))
        there = f"has {others}" if others else "has none"
        raise InputError("sweep", name, f"was not started in {results_dir}, which {there}; give results_dir=FOLDER too") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = f"its plan, {path}, cannot be read ({' '.join(str(error).split())}); start it again"
        raise InputError("sweep", name, remedy) from error


def stored_plans(results_dir: Path) -> list[SweepPlan]:
    """Return the plans stored in a results folder, the earliest first; files that are no plan are left out."""
    plans: list[SweepPlan] = []
    for path in plan_path(results_dir, "*").parent.glob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):  # its own status says what is wrong with it
            plans.append(_read(path, results_dir))
    return sorted(plans, key=lambda plan: (plan.created, plan.name))


def _read(path: Path, results_dir: Path) -> SweepPlan:
    values: dict[str, Any] = json.loads(path.read_bytes())
    runs = tuple(_planned(run) for run in values["runs"])
    name, command, directory = str(values["name"]), tuple(values["command"]), values.get("directory", "")
    if not directory:  # an earlier version, which left out the sweep's name
        command = ("run", "-m", *command[1:]) if name == "run" else ("sweep", name, *command[1:])
    planned_in = Path(directory) / Path(values["results_dir"]).expanduser()
    moved = planned_in if planned_in.resolve() != results_dir.resolve() else None
    return SweepPlan(name, results_dir, values["created"], command, values["revision"], runs, directory, moved)


def _planned(values: Mapping[str, Any]) -> PlannedRun:
    attacks = tuple(values.get("attacks", ()))  # plans of earlier versions have none
    return PlannedRun(values["identity"], tuple(values["overrides"]), values["label"], values["problem"], attacks)


def run_state(results_dir: Path, run: PlannedRun) -> RunState:
    """Return the state of a run, by its record and those of its attacks, else its lock, else what a failure left."""
    if run.problem:
        return RunState(run, RunPhase.failed, run.problem)
    try:
        summary = read_summary(results_dir / run.identity)
    except InputError as error:
        return _unrecorded(results_dir, run, f"{error}; it is made again")
    if summary is None:
        return _unrecorded(results_dir, run, "")
    phase = RunPhase.done if summary.status == "finished" else RunPhase(summary.status)
    lacking = [name for name in run.attacks if not (results_dir / run.identity / name).exists()]
    if lacking and phase is not RunPhase.diverged:
        return _unrecorded(results_dir, run, f"recorded, but for {', '.join(lacking)}")
    revision = f"{summary.revision}{'+' if summary.changed else ''}" if summary.revision else None
    return RunState(run, phase, summary.reason, summary.seconds, revision)


def _unrecorded(results_dir: Path, run: PlannedRun, why: str) -> RunState:
    locked = lock.lock_state(results_dir, run.identity)
    if locked:
        phase = RunPhase.running if locked.alive else RunPhase.interrupted
        return RunState(run, phase, f"{locked.owner}" if locked.alive else f"{locked.owner}, died")
    failed = failure.read(results_dir / run.identity)
    if failed:
        return RunState(run, RunPhase.failed, failed.reason)
    return RunState(run, RunPhase.pending, why)


def run_states(plan: SweepPlan, runs: Sequence[PlannedRun] | None = None) -> list[RunState]:
    """Return the states of the plan's runs, or of those given."""
    return [run_state(plan.results_dir, run) for run in (plan.runs if runs is None else runs)]


def labels(jobs: Sequence[Sequence[str]]) -> Callable[[Sequence[str]], str]:
    """Return a function that labels a job: by its overrides that other jobs lack, or by all of them if it is the only job."""
    common = set(jobs[0]).intersection(*map(set, jobs[1:])) if len(jobs) > 1 else set()
    return lambda job: " ".join(unquoted([word for word in job if word not in common]))


def plan_path(results_dir: Path, name: str) -> Path:
    """Return the path of a sweep's plan in its results folder."""
    return results_dir / FOLDER / f"{name}.json"
