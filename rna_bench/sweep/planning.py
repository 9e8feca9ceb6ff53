"""Planning a sweep: each combination is composed and checked before any model is loaded, and gets its identity."""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from rna_bench.core.log import progress_bar
from rna_bench.core.types import InputError
from rna_bench.experiment.config import ExperimentConfig, check_model_dimensions
from rna_bench.experiment.data import gather
from rna_bench.experiment.own_code import warn_of_changes
from rna_bench.runs import record
from rna_bench.runs.attack_record import record_path
from rna_bench.sweep.naming import SweepRequest
from rna_bench.sweep.plan import PlannedRun, SweepPlan, labels

log = logging.getLogger(__name__)


class Engine(Protocol):
    """Composes the jobs of a sweep and starts them; a job is a list of overrides.

    `launch` returns for each job the error that it ended with, if any; it raises if the engine itself breaks down.
    """

    @property
    def results_dir(self) -> Path: ...
    @property
    def jobs(self) -> Sequence[Sequence[str]]: ...
    def experiment(self, overrides: Sequence[str]) -> ExperimentConfig: ...
    def launch(self, jobs: Sequence[Sequence[str]]) -> Sequence[BaseException | None]: ...


class Combination(NamedTuple):
    """A combination of the grid: its overrides, a label of those that differ from others', and its configuration."""

    overrides: Sequence[str]
    label: str
    experiment: ExperimentConfig


class RefusedError(InputError):
    """Why combinations of a grid are refused: the first one's error, which of how many they are, and its label."""

    def __init__(self, error: InputError, refused: int, total: int, label: str) -> None:
        count = f"all {total} runs" if refused == total else f"{refused} of {total} runs"
        Exception.__init__(self, f"{error} (refused in {count} of the sweep, the first {label})")


def compose_grid(engine: Engine) -> list[Combination]:
    """Return the combinations, composed and checked; raise InputError if one is refused. No model is loaded."""
    label, total = labels(engine.jobs), len(engine.jobs)
    combinations: list[Combination] = []
    refused: list[tuple[InputError, str]] = []
    with progress_bar("composing", "runs", total) as bar:
        for overrides in engine.jobs:
            try:
                experiment = engine.experiment(overrides)
                check_model_dimensions(experiment)
                combinations.append(Combination(overrides, label(overrides), experiment))
            except InputError as error:
                refused.append((error, label(overrides)))
            bar.update()
    if refused:
        error, first = refused[0]
        raise RefusedError(error, len(refused), total, first) if total > 1 else error
    for line in (*_ignored(combinations), *_cautions(combinations)):
        log.warning("%s", line)
    return combinations


def plan_sweep(request: SweepRequest, engine: Engine, combinations: Sequence[Combination]) -> SweepPlan:
    """Return the plan, not yet named: each combination given its identity, and each identity once."""
    runs: dict[str, PlannedRun] = {}
    with progress_bar("planning", "runs", len(combinations)) as bar:
        for one in combinations:
            run = _planned(one)
            runs.setdefault(run.identity or run.label, run)
            bar.update()
    created = datetime.now(UTC).isoformat(timespec="seconds")
    revision = record.provenance()["revision"]
    return SweepPlan(request.origin, engine.results_dir, created, request.command, revision, tuple(runs.values()), str(Path.cwd()))


def _ignored(combinations: Sequence[Combination]) -> list[str]:
    """Return a line for each value given that has no effect on any combination."""
    first, *others = (one.experiment.ignored for one in combinations)
    return [line for line in first if all(line in other for other in others)]


def _cautions(combinations: Sequence[Combination]) -> list[str]:
    """Return each caution on some of the combinations once, with how many it is about unless that is all."""
    total, found = len(combinations), Counter(line for one in combinations for line in one.experiment.cautions)
    return [line if count == total else f"{count} of {total} runs: {line}" for line, count in found.items()]


def _planned(one: Combination) -> PlannedRun:
    try:
        identity = gather(one.experiment).identity
        warn_of_changes(one.experiment, one.experiment.results_dir / identity)
        attacks = tuple(record_path(Path(), each.name, each.at).name for each in one.experiment.attacks)
        return PlannedRun(identity, tuple(one.overrides), one.label, attacks=attacks)
    except InputError as error:  # for instance a gated model: the others can run
        return PlannedRun("", tuple(one.overrides), one.label, str(error))
