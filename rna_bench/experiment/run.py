"""One run from top to bottom: a checked plan -> model and text -> unlearn -> ask -> record."""

import time
from pathlib import Path

import torch

from rna_bench.core import files
from rna_bench.core.types import InputError, RunRecord
from rna_bench.evaluation.scores import breakdown, scores
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import Inputs, forget, gather, topic_batches, trainable
from rna_bench.experiment.evaluate import Responses, make_evaluator
from rna_bench.experiment.result import RunResult, about, make_record, report, tell
from rna_bench.experiment.resume import ResumeState
from rna_bench.experiment.shared import Shared, restore
from rna_bench.experiment.train import Trained, Training, train
from rna_bench.models.store import NULL_STORE
from rna_bench.runs import failure, lock, record
from rna_bench.unlearning.trainer import TrainingLog

SHARED = Shared()
"""What the runs of a sweep share in this process."""


class Clock:
    """Seconds by phase: each lap ends one."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """End the phase of that name, and begin the next."""
        now = time.perf_counter()
        self.laps[name], self._last = now - self._last, now


def execute(plan: ExperimentConfig, *, several: bool = False) -> Path:
    """Carry out the plan, unless its record is there already, and return the folder of its record.

    With `several`, text, questions and, as `plan.reuse` allows, activations are kept for the next run of this process. What an
    interrupted run had done is not done again. Raise lock.BusyError while another process is at the same run.
    """
    torch.set_num_threads(plan.threads)
    record.provenance()  # before anything else can change
    clock = Clock()
    if not several:
        forget()
    inputs = gather(plan)
    folder = plan.results_dir / inputs.identity
    if _recorded(folder):
        return folder
    files.probe(plan.results_dir)
    with lock.held(plan.results_dir, inputs.identity) as before:
        if _recorded(folder):  # by whoever held the lock until now
            return folder
        if before:
            print(f"{inputs.identity}: taken over from {before}, which died", flush=True)
        made = _carry_out(plan, inputs, folder, clock, several=several)
        failure.clear(folder)
    tell(folder, made)
    return folder


def _recorded(folder: Path) -> bool:
    """Return whether the run's record is there, and say so; a damaged one is not, and is made again."""
    try:
        if record.read_summary(folder) is None:
            return False
    except InputError as error:
        print(f"{error}; it is made again", flush=True)
        return False
    ResumeState(folder).clear()
    print(f"{folder}: recorded already, nothing to do", flush=True)
    return True


def _carry_out(plan: ExperimentConfig, inputs: Inputs, folder: Path, clock: Clock, *, several: bool) -> RunRecord:
    """Unlearn, score and record, with the model given back as it was."""
    done = ResumeState(folder)
    model, tokenizer = SHARED.model(inputs.model, inputs.fingerprints["model"])
    evaluator = make_evaluator(plan, inputs, model, tokenizer)
    policy = trainable(plan.recipe, model) if plan.recipe else None
    clock.lap("prepare")
    try:
        with plan.tracker.session(folder, about(plan, inputs.identity, inputs.fingerprints)) as session:
            trained = Trained(TrainingLog(), 0, 0.0)
            if plan.recipe and policy:
                topics = topic_batches(plan.recipe, inputs.topics, tokenizer, policy)
                store = SHARED.store(plan.reuse) if several else NULL_STORE
                base = _base(plan, inputs)
                trained = train(Training(plan.recipe, policy, topics, store, evaluator, session, done, plan.checkpoint, base))
            clock.lap("unlearn")
            answers = evaluator.all(done)
            clock.lap("score")
            made = _record(plan, inputs, trained, answers, clock, session.id)
            done.place_delta(folder / record.DELTA, kept=plan.keep_delta)
            record.write(folder, made, answers.all)
            done.clear()
            report(session, folder, made)
    finally:
        if policy:
            restore(policy)
    return made


def _record(
    plan: ExperimentConfig, inputs: Inputs, trained: Trained, answers: Responses, clock: Clock, tracker: str | None
) -> RunRecord:
    measured = {
        "seconds": clock.laps | {"unlearn": clock.laps["unlearn"] - trained.keeping, "checkpoint": trained.keeping},
        "questions_per_second": answers.new / clock.laps["score"],
        "steps_resumed": trained.resumed,
        "answers_resumed": len(answers.all) - answers.new,
        "tracker_id": tracker,
        "activations_reused": SHARED.hits,
    }
    found, parts = scores(answers.all), breakdown(answers.all, inputs.tasks)
    return make_record(
        plan, RunResult(inputs.identity, inputs.model.name, inputs.fingerprints, trained.history, found, parts), measured
    )


def _base(plan: ExperimentConfig, inputs: Inputs) -> dict[str, str]:
    """Return what the delta says of itself: the base model, its revision or fingerprint, and the run."""
    model = plan.config["model"]
    revision = str(model.get("revision", inputs.fingerprints["model"]))
    return {"base_model": str(model.get("repo", inputs.model.name)), "base_revision": revision, "run": inputs.identity}
