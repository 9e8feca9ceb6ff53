"""From a record back to its run: the experiment that it describes, and its trained tensors made again."""

import logging
from dataclasses import replace
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from rna_bench.core import files
from rna_bench.core.renames import current
from rna_bench.core.types import InputError, RunRecord
from rna_bench.data.fingerprints import earlier_of_questions
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import ExperimentConfig, experiment_config
from rna_bench.experiment.data import Inputs, gather
from rna_bench.experiment.load import load
from rna_bench.experiment.resume import ResumeState
from rna_bench.experiment.train import train
from rna_bench.runs.integrity import DELTA
from rna_bench.runs.lock import BusyError, run_lock
from rna_bench.runs.lookup import RETRAINED, is_recorded
from rna_bench.runs.tracking.null_tracker import NullTracker

LOG = logging.getLogger(__name__)


def experiment_of(record: RunRecord) -> ExperimentConfig:
    """Return the experiment that a record describes, without a tracker; what a record leaves out has no effect on the result."""
    composed, _ = compose_run(["method=none", "tracker=none", "launcher=none"])
    values = OmegaConf.to_container(composed, resolve=True)
    assert isinstance(values, dict)
    return experiment_config(DictConfig({**values, **current(record.config)}), record.choices)


def recorded_inputs(experiment: ExperimentConfig, record: RunRecord) -> Inputs:
    """Return a run's questions and base model; others than those that its record names by their fingerprints are an error."""
    inputs = gather(replace(experiment, recipe=None, corpus=None))
    here = {
        "model": (inputs.fingerprints["model"],),
        "questions": (inputs.fingerprints["questions"], *earlier_of_questions(inputs.tasks)),
    }
    for key, same in here.items():
        if record.fingerprints.get(key) not in same:
            remedy = f"the {key} at hand are not those that it was made with (their fingerprint is another); restore those"
            raise InputError("run", record.identity, remedy)
    return inputs


def retrain(experiment: ExperimentConfig, record: RunRecord, results_dir: Path = RETRAINED) -> Path:
    """Train a run again, without scoring it, and return the file of its trained tensors below `results_dir`, where they stay."""
    torch.set_num_threads(experiment.threads)
    again = replace(experiment, results_dir=results_dir)
    inputs, folder = gather(again), results_dir / record.identity
    if inputs.identity != record.identity:
        differing = ", ".join(key for key, value in inputs.fingerprints.items() if record.fingerprints.get(key) != value)
        remedy = f"cannot be made again: its {differing or 'configuration'} here is another; restore that, or use --deltas FOLDER"
        raise InputError("--retrain", record.identity, remedy)
    files.probe(results_dir)
    try:
        with run_lock(results_dir, record.identity):
            _train(again, inputs, folder)
    except BusyError as error:
        raise InputError("--retrain", record.identity, f"{error}; try again when that has ended") from error
    delta = folder / DELTA
    if not delta.is_file():
        raise InputError("--retrain", record.identity, "diverged, so there are no trained tensors; name a run that finished")
    if not is_recorded(delta, record):
        LOG.warning("%s: trained again, its tensors are not to the bit those of its record, as on another machine", record.identity)
    return delta


def _train(experiment: ExperimentConfig, inputs: Inputs, folder: Path) -> None:
    state = ResumeState(folder)
    with load(experiment, inputs, several=False) as loaded:
        train(experiment, inputs, loaded, state, NullTracker())
    state.place_delta(folder / DELTA, kept=True)
    state.clear()
