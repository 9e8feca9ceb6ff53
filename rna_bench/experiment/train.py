"""A run's training: from the start, from where it was interrupted, or read back if it had finished."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

from rna_bench.core.log import progress_bar
from rna_bench.core.types import EvalPoint, Score, StepLoss, Text, Topic
from rna_bench.data.batches import Batches, TopicBatches
from rna_bench.experiment.attack_config import steps_of
from rna_bench.experiment.checkpointer import RunCheckpointer, sigterm_noted
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import Inputs
from rna_bench.experiment.evaluate import Evaluator
from rna_bench.experiment.load import Loaded
from rna_bench.experiment.resume import ResumeState
from rna_bench.experiment.states import save_state_at
from rna_bench.models.segments import Policy
from rna_bench.models.store import Store
from rna_bench.runs.tracking import Session
from rna_bench.runs.tracking.metrics import eval_point_values, loss_values, norm_values
from rna_bench.unlearning.config import Train, UnlearningConfig
from rna_bench.unlearning.log import TrainingLog
from rna_bench.unlearning.trainer import unlearn


class Training(NamedTuple):
    """The training's log, how many of its steps an earlier process had done, and the seconds that saving its state took."""

    log: TrainingLog
    resumed: int
    saving: float


class KeptStates(NamedTuple):
    """The steps after which the state of training is kept, for attacks, and how."""

    steps: frozenset[int]
    keep: Callable[[int], None]


def train(experiment: ExperimentConfig, inputs: Inputs, loaded: Loaded, state: ResumeState, session: Session) -> Training:
    """Train the policy, as far as it was not done before the run was interrupted; without a method, return an empty log."""
    recipe, policy = experiment.recipe, loaded.policy
    if not recipe or not policy:
        return Training(TrainingLog(), 0, 0.0)
    log = state.finished_training(policy.model)
    if log:
        replay(session, log)
        return Training(log, len(log.losses), 0.0)
    state.drop_responses()  # they belong to another training
    topics = topic_batches(recipe, inputs.topics, loaded.tokenizer, policy)
    with sigterm_noted() as told_to_end:
        checkpointer = RunCheckpointer(state, experiment.checkpoint, told_to_end)
        keep = partial(save_state_at, state.run, policy=policy, base=base_of(experiment, inputs))
        kept = KeptStates(steps_of(experiment.attacks), keep)
        log = _unlearn(recipe, policy, topics, loaded.store, loaded.evaluator, session, checkpointer, kept)
        if not log.diverged:
            state.save_training(policy, log, base_of(experiment, inputs))
    return Training(log, checkpointer.resumed, checkpointer.seconds)


def topic_batches(
    recipe: UnlearningConfig, topics: Sequence[Topic], tokenizer: PreTrainedTokenizerBase, policy: Policy
) -> list[TopicBatches]:
    """Return each topic's text as batches of the configured size, lengths and padding."""

    def batches(texts: Sequence[Text], train: Train, max_tokens: int) -> Batches:
        return Batches(texts, tokenizer, train.batch_size, max_tokens, policy.device, train.padding)

    def both(topic: Topic, train: Train) -> TopicBatches:
        forget, retain = batches(topic.forget, train, train.max_tokens), batches(topic.retain, train, train.retain_max_tokens)
        return TopicBatches(topic.name, forget, retain)

    return [both(topic, recipe.of(topic.name).train) for topic in topics]


def base_of(experiment: ExperimentConfig, inputs: Inputs) -> dict[str, str]:
    """Return what is saved beside the trained tensors: the base model, its revision or fingerprint, and the run."""
    model = experiment.config["model"]
    revision = str(model.get("revision", inputs.fingerprints["model"]))
    return {"base_model": str(model.get("repo", inputs.model.name)), "base_revision": revision, "run": inputs.identity}


def replay(session: Session, log: TrainingLog) -> None:
    """Log a finished training at a tracker, in the order of its steps: trackers drop what comes out of order."""
    for event in log.events():
        session.log(event.step, _values(event))


def _unlearn(
    recipe: UnlearningConfig,
    policy: Policy,
    topics: Sequence[TopicBatches],
    store: Store,
    evaluator: Evaluator,
    session: Session,
    checkpointer: RunCheckpointer,
    kept: KeptStates,
) -> TrainingLog:
    """Train, with an eval step every so many steps, a progress bar, and each step logged at the tracker."""
    every, steps = evaluator.scoring.every, recipe.train.steps

    def evaluate(step: int) -> tuple[Score, ...] | None:
        if step in kept.steps:
            kept.keep(step)
        if not every or (step % every and step != steps):
            return None
        return evaluator.eval_step()

    with progress_bar("unlearning", "steps", steps) as bar:

        def progress(event: StepLoss | EvalPoint) -> None:
            if isinstance(event, StepLoss):
                bar.update()
                bar.set_postfix(forget=event.forget, retain=event.retain, refresh=False)
            session.log(event.step, _values(event))

        return unlearn(policy, topics, recipe, evaluate, progress, store, checkpointer)


def _values(event: StepLoss | EvalPoint) -> dict[str, float | None]:
    """Return what a tracker logs of a step's losses or of an eval point."""
    if isinstance(event, StepLoss):
        return loss_values(event)
    return eval_point_values(event.scores) | norm_values(event.hidden_norm)
