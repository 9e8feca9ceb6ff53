"""A run's training: from its beginning, from where it was interrupted, or over already; a bar and the tracker are told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rna_bench.core.log import progress_bar
from rna_bench.core.types import EvalPoint, Score, StepLoss
from rna_bench.data.batches import TopicBatches
from rna_bench.experiment.checkpointer import Keeper, ending
from rna_bench.experiment.evaluate import Evaluator
from rna_bench.experiment.resume import ResumeState
from rna_bench.models.segments import Policy
from rna_bench.models.store import Store
from rna_bench.runs.tracking import Session
from rna_bench.runs.tracking.metrics import eval_point_values, loss_values, norm_values
from rna_bench.unlearning.checkpoint import CheckpointInterval
from rna_bench.unlearning.config import UnlearningConfig
from rna_bench.unlearning.trainer import TrainingLog, unlearn


@dataclass(frozen=True)
class Training:
    """What training takes: policy and text, an exam for looks along the way, whom to tell, and where its state is kept.

    `base` is what the trained tensors belong on.
    """

    recipe: UnlearningConfig
    policy: Policy
    topics: Sequence[TopicBatches]
    store: Store
    evaluator: Evaluator
    session: Session
    done: ResumeState
    checkpoint: CheckpointInterval
    base: dict[str, str]


class Trained(NamedTuple):
    """What happened, how many of its steps an interrupted run had done, and the seconds that keeping its state took."""

    history: TrainingLog
    resumed: int
    keeping: float


def train(training: Training) -> Trained:
    """Train the policy, as far as it was not done before the run was interrupted."""
    done, policy = training.done, training.policy
    known = done.training(policy.model)
    if known:
        retell(training.session, known)
        return Trained(known, len(known.losses), 0.0)
    done.drop_answers()  # answers of another training are none of this one's
    with ending() as told:
        keeper = Keeper(done, training.checkpoint, told)
        history = _unlearn(training, keeper)
        if not history.diverged:
            done.keep_training(policy, history, training.base)
    return Trained(history, keeper.resumed, keeper.seconds)


def retell(session: Session, history: TrainingLog) -> None:
    """Tell a tracker of training that is over, in the order of its steps: trackers drop what comes out of order."""
    for event in history.events():
        session.log(event.step, _values(event))


def _unlearn(training: Training, keeper: Keeper) -> TrainingLog:
    """Train, with a look at a subset of the exam every so many steps, a bar, and the tracker told of each."""
    every, steps = training.evaluator.scoring.every, training.recipe.train.steps

    def watch(step: int) -> tuple[Score, ...] | None:
        if not every or (step % every and step != steps):
            return None
        return training.evaluator.look()

    with progress_bar("unlearning", "steps", steps) as bar:

        def progress(event: StepLoss | EvalPoint) -> None:
            if isinstance(event, StepLoss):
                bar.update()
                bar.set_postfix(forget=event.forget, retain=event.retain, refresh=False)
            training.session.log(event.step, _values(event))

        return unlearn(training.policy, training.topics, training.recipe, watch, progress, training.store, keeper)


def _values(event: StepLoss | EvalPoint) -> dict[str, float | None]:
    """Return what a tracker is told of a step's losses or of a look."""
    if isinstance(event, StepLoss):
        return loss_values(event)
    return eval_point_values(event.scores) | norm_values(event.hidden_norm)
