"""One run from top to bottom: load, train, evaluate, record."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from rna_bench.core import files
from rna_bench.core.types import InputError, RunRecord, Score
from rna_bench.experiment.asked import asked_before
from rna_bench.experiment.attack_config import check_steps
from rna_bench.experiment.attacking import attack_at_end
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import Inputs, drop_cached, gather
from rna_bench.experiment.evaluate import evaluate_all
from rna_bench.experiment.held_out import generate, measure_perplexity
from rna_bench.experiment.load import SHARED, load
from rna_bench.experiment.own_code import warn_of_changes
from rna_bench.experiment.result import RunResult, print_scores, record_result, run_info
from rna_bench.experiment.resume import ResumeState
from rna_bench.experiment.train import Training, train
from rna_bench.runs import failure, lock, record
from rna_bench.unlearning.log import TrainingLog

LOG = logging.getLogger(__name__)
PAUSE = 1.0
"""Seconds between two looks at a base that another process is scoring."""


class Clock:
    """Measures the seconds of each phase of a run: a lap ends one phase."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """End the phase of that name, and begin the next."""
        now = time.perf_counter()
        self.laps[name], self._last = now - self._last, now


def execute(experiment: ExperimentConfig, *, several: bool = False) -> Path:
    """Run the experiment and its attacks, unless their records exist already, and return the folder of the run's record.

    With `several`, text, questions and, as `experiment.reuse` allows, activations are kept for the next run of this process. An
    interrupted run goes on from what it saved. Raise lock.BusyError while another process runs it.
    """
    check_steps(experiment.attacks, experiment.recipe.train.steps if experiment.recipe else 0)
    torch.set_num_threads(experiment.threads)
    record.provenance()  # before anything else can change
    clock = Clock()
    if not several:
        drop_cached()
    inputs = gather(experiment)
    folder = _recorded_run(experiment, inputs, clock, several=several)
    if experiment.attacks:
        attack_at_end(experiment, inputs, folder)
        failure.clear(folder)  # of an earlier try, where it was an attack that failed
    return folder


def _recorded_run(experiment: ExperimentConfig, inputs: Inputs, clock: Clock, *, several: bool) -> Path:
    """Run the experiment, unless its record exists already, and return the folder of its record."""
    folder = experiment.results_dir / inputs.identity
    before = _base_scores(experiment.base, several=several) if experiment.base else ()
    if _recorded(folder):
        warn_of_changes(experiment, folder)
        if not several:
            print_scores(folder, record.read(folder / record.RECORD))
        return folder
    files.probe(experiment.results_dir)
    with lock.run_lock(experiment.results_dir, inputs.identity) as dead_owner:
        if _recorded(folder):  # by the process that held the lock until now
            return folder
        _set_aside(folder)
        if dead_owner:
            LOG.info("%s: taken over from %s, which died", inputs.identity, dead_owner)
        known = _known(experiment, inputs, clock, before)
        run_record = known or _run(experiment, inputs, folder, clock, before, several=several)
        failure.clear(folder)
    print_scores(folder, run_record)
    return folder


def _base_scores(base: ExperimentConfig, *, several: bool) -> Sequence[Score]:
    """Return the scores of a checkpoint's base, which is scored unless it is recorded; wait while another process scores it."""
    while True:
        try:
            folder = execute(base, several=several)
            return record.read(folder / record.RECORD).scores
        except lock.BusyError as busy:
            LOG.info("waiting for the base: %s", busy)
            time.sleep(PAUSE)


def _known(experiment: ExperimentConfig, inputs: Inputs, clock: Clock, before: Sequence[Score]) -> RunRecord | None:
    """Record the run from the responses of an earlier one that asked the same of the same files; None where there is none."""
    earlier = asked_before(experiment, inputs)
    if earlier is None:
        return None
    LOG.info("%s: run %s has asked these files the same; its responses are taken", inputs.identity, earlier.of)
    for phase in ("prepare", "unlearn", "score"):
        clock.lap(phase)
    state = ResumeState(experiment.results_dir / inputs.identity)
    with experiment.tracker.session(state.run, run_info(experiment, inputs)) as session:
        made = record.read(experiment.results_dir / earlier.of / record.RECORD)
        untrained = Training(TrainingLog(), 0, 0.0)
        result = RunResult(untrained, earlier, clock.laps, 0, before, made.perplexity, made.generation)
        return record_result(experiment, inputs, result, state, session)


def _run(
    experiment: ExperimentConfig, inputs: Inputs, folder: Path, clock: Clock, before: Sequence[Score], *, several: bool
) -> RunRecord:
    state = ResumeState(folder)
    with load(experiment, inputs, several=several) as loaded:
        clock.lap("prepare")
        with experiment.tracker.session(folder, run_info(experiment, inputs)) as session:
            training = train(experiment, inputs, loaded, state, session)
            clock.lap("unlearn")
            responses = evaluate_all(loaded.evaluator, state)
            clock.lap("score")
            perplexity = measure_perplexity(loaded, inputs.held_out)
            clock.lap("perplexity")
            generation = generate(experiment, inputs, loaded)
            if generation:
                clock.lap("generation")
            result = RunResult(training, responses, clock.laps, SHARED.hits, before, perplexity, generation)
            return record_result(experiment, inputs, result, state, session)


def _recorded(folder: Path) -> bool:
    """Return whether the run's record exists and can be used, and log it."""
    try:
        if record.read_summary(folder) is None:
            return False
    except InputError:  # reported when it is set aside
        return False
    ResumeState(folder).clear()
    LOG.info("%s: recorded already, nothing to do", folder)
    return True


def _set_aside(folder: Path) -> None:
    """Rename a record that is damaged or was changed, and log it; the run is made again."""
    try:
        record.read_summary(folder)
    except InputError as error:
        LOG.warning("%s; it is made again, and this record is kept as %s", error, record.set_aside(folder))
