"""One run from top to bottom: a checked plan -> model and text -> unlearn -> ask -> record."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from rna_bench.data.corpora import TopicBatches
from rna_bench.evaluation.scores import breakdown, flat, scores
from rna_bench.inputs import Inputs, gather, topic_batches, trainable
from rna_bench.models.segments import Policy
from rna_bench.models.shared import Shared, restore
from rna_bench.models.store import NOTHING, Store
from rna_bench.outcome import Made, make_record, report, tell
from rna_bench.partial import Partial
from rna_bench.plan import Plan
from rna_bench.runs import failure, lock, record
from rna_bench.runs.tracking import Session
from rna_bench.schema import InputError, RunRecord, Score, StepLoss
from rna_bench.sitting import Answered, Sitting, sitting_of
from rna_bench.unlearning.loop import History, unlearn
from rna_bench.unlearning.recipe import Recipe

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


def execute(plan: Plan, *, several: bool = False) -> Path:
    """Carry out the plan, unless its record is there already, and return the folder of its record.

    With `several`, activations are kept for the next run of this process, as `plan.reuse` allows. What an interrupted run had
    done is not done again. Raise lock.BusyError while another process is at the same run.
    """
    torch.set_num_threads(plan.threads)
    record.provenance()  # before anything else can change
    clock, inputs = Clock(), gather(plan)
    folder = plan.results_dir / inputs.identity
    if _recorded(folder):
        return folder
    record.probe(plan.results_dir)
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
        if record.glance(folder) is None:
            return False
    except InputError as error:
        print(f"{error}; it is made again", flush=True)
        return False
    Partial(folder).clear()
    print(f"{folder}: recorded already, nothing to do", flush=True)
    return True


def _carry_out(plan: Plan, inputs: Inputs, folder: Path, clock: Clock, *, several: bool) -> RunRecord:
    """Unlearn, score and record, with the model given back as it was."""
    done = Partial(folder)
    model, tokenizer = SHARED.model(inputs.model, inputs.fingerprints["model"])
    sitting = sitting_of(plan, inputs, model, tokenizer)
    policy = trainable(plan.recipe, model) if plan.recipe else None
    clock.lap("prepare")
    try:
        with plan.tracker.session(folder, inputs.identity, _told(plan, inputs)) as session:
            history = History()
            if plan.recipe and policy:
                topics = topic_batches(plan.recipe, inputs.topics, tokenizer, policy)
                store = SHARED.store(plan.reuse) if several else NOTHING
                history = _trained(plan, plan.recipe, policy, topics, sitting, session, store, done, _base(plan, inputs))
            clock.lap("unlearn")
            answers = sitting.all(done)
            clock.lap("score")
            made = _record(plan, inputs, history, answers, clock, session.id)
            done.place_delta(folder / record.DELTA, kept=plan.keep_delta)
            record.write(folder, made, answers.all)
            done.clear()
            report(session, folder, made)
    finally:
        if policy:
            restore(policy)
    return made


def _trained(
    plan: Plan,
    recipe: Recipe,
    policy: Policy,
    topics: Sequence[TopicBatches],
    sitting: Sitting,
    session: Session,
    store: Store,
    done: Partial,
    base: dict[str, str],
) -> History:
    """Return the history of training, with the policy trained: now, or before the run was interrupted."""
    known = done.training(policy.model)
    if known:
        retell(session, known)
        return known
    done.clear()  # answers of another training are none of this one's
    history = _unlearn(plan, recipe, policy, topics, sitting, session, store)
    if not history.diverged:
        done.keep_training(policy, history, base)
    return history


def retell(session: Session, history: History) -> None:
    """Tell a tracker of training that is over, in the order of its steps: trackers drop what comes out of order."""
    looks = [(look.step, {f"along/{key}": value for key, value in flat(look.scores).items()}) for look in history.trajectory]
    losses = [(loss.step, _losses(loss)) for loss in history.losses]
    for step, values in sorted([*looks, *losses], key=lambda told: told[0]):
        session.log(step, values)


def _told(plan: Plan, inputs: Inputs) -> dict[str, Any]:
    """Return what a tracker is told of a run before it begins: its config, and what code, data and model it is made from."""
    return {**plan.config, "choices": plan.choices, "fingerprints": inputs.fingerprints, "provenance": record.provenance()}


def _unlearn(
    plan: Plan, recipe: Recipe, policy: Policy, topics: Sequence[TopicBatches], sitting: Sitting, session: Session, store: Store
) -> History:
    """Train, with a look at a subset of the exam every so many steps, a bar, and the tracker told of each."""
    every, steps = plan.scoring.every, recipe.train.steps

    def watch(step: int) -> tuple[Score, ...] | None:
        if not every or (step % every and step != steps):
            return None
        seen = sitting.look()
        session.log(step, {f"along/{key}": value for key, value in flat(seen).items()})
        return seen

    with tqdm(total=steps, desc="unlearning", unit=" steps", disable=None, leave=False) as bar:

        def progress(loss: StepLoss) -> None:
            bar.update()
            bar.set_postfix(forget=loss.forget, retain=loss.retain, refresh=False)
            session.log(loss.step, _losses(loss))

        return unlearn(policy, topics, recipe, watch, progress, store)


def _losses(loss: StepLoss) -> dict[str, float | None]:
    return {f"forget/{loss.topic}": loss.forget, f"retain/{loss.topic}": loss.retain}


def _record(plan: Plan, inputs: Inputs, history: History, answers: Answered, clock: Clock, tracker: str | None) -> RunRecord:
    measured = {
        "seconds": clock.laps,
        "questions_per_second": answers.new / clock.laps["score"],
        "answers_resumed": len(answers.all) - answers.new,
        "tracker_id": tracker,
        "activations_reused": SHARED.hits,
    }
    found, parts = scores(answers.all), breakdown(answers.all, inputs.tasks)
    return make_record(plan, Made(inputs.identity, inputs.model.name, inputs.fingerprints, history, found, parts), measured)


def _base(plan: Plan, inputs: Inputs) -> dict[str, str]:
    """Return what the delta says of itself: the base model, its revision or fingerprint, and the run."""
    model = plan.config["model"]
    revision = str(model.get("revision", inputs.fingerprints["model"]))
    return {"base_model": str(model.get("repo", inputs.model.name)), "base_revision": revision, "run": inputs.identity}
