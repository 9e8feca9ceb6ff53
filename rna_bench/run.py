"""One run from top to bottom: config -> model and text -> unlearn -> ask -> record."""

import os
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from platform import node

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rna_bench.config import config_folder, given
from rna_bench.data import corpora, questions
from rna_bench.data.corpora import Batches, TopicBatches
from rna_bench.data.questions import make_task
from rna_bench.evaluation.scoring import Exam, flat, make_exam, scores, sit
from rna_bench.models import loading
from rna_bench.models.passes import Policy
from rna_bench.plan import Plan, plan_of
from rna_bench.runs import record
from rna_bench.runs.tracking import Session
from rna_bench.schema import CLEAN, InputError, ModelFolder, RunRecord, Score, Status, StepLoss, Task, Topic, finite
from rna_bench.unlearning.loop import History, Recipe, Train, unlearn


def hydra_main(config_name: str, arguments: Sequence[str]) -> None:
    """Compose the named configuration with the arguments, as Hydra's own command line does, and run each job."""
    several = ("-m", "--multirun")
    sys.argv = ["rna-bench", *sorted(arguments, key=lambda word: word not in several)]  # Hydra wants its flags before overrides
    results_dir = given("results_dir", arguments)
    if results_dir in ("", "null"):  # refused before Hydra makes a folder of that name
        raise InputError("results_dir", results_dir, "give the name of a folder")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us whole; the command line makes one line of them
    failed: list[Exception] = []

    def task(cfg: DictConfig) -> None:
        try:
            run(cfg)
        except Exception as error:
            if HydraConfig.get().mode is not RunMode.RUN:
                raise  # Hydra goes on with the other jobs, and raises the first error at the end
            failed.append(error)  # raised here, Hydra would print lines of its own

    try:
        hydra.main(config_path=str(config_folder("conf")), config_name=config_name, version_base="1.3")(task)()
    except OSError as error:
        refused = _unwritable(error, results_dir)
        if refused:
            raise refused from error
        raise
    if failed:
        raise failed[0]


def _unwritable(error: OSError, results_dir: str | None) -> InputError | None:
    """Return the error for results_dir if it comes from the folder `.hydra`, which Hydra makes there before a run begins."""
    if not error.filename:
        return None
    made = Path(error.filename)
    folder = made.parent if made.name == ".hydra" else Path(results_dir or "results/runs")
    return record.unwritable(folder, error) if (folder / ".hydra").is_relative_to(made) else None


def run(cfg: DictConfig) -> None:
    """Execute what Hydra composed: the task function of run.yaml and of every sweep."""
    execute(plan_of(cfg, HydraConfig.get().runtime.choices))


def execute(plan: Plan) -> Path:
    """Carry out the plan, unless its record is there already, and return the folder of its record."""
    torch.set_num_threads(plan.threads)
    record.provenance()  # before anything else can change
    clock = Clock()
    inputs = _inputs(plan)
    folder = plan.results_dir / inputs.identity
    if (folder / record.RECORD).exists():
        print(f"{folder}: recorded already, nothing to do")
        return folder
    record.probe(plan.results_dir)
    model, tokenizer = loading.load(inputs.model)
    exam = make_exam(inputs.tasks, plan.trigger.kinds, plan.trigger.lexicon(plan.seed), tokenizer, plan.seed)
    policy = _policy(plan, model) if plan.recipe else None
    clock.lap("prepare")
    with plan.tracker.session(folder, inputs.identity, plan.config) as session:
        history = History()
        if plan.recipe and policy:
            topics = _batches(plan.recipe.train, inputs.topics, tokenizer, policy)
            history = _unlearn(plan, plan.recipe, policy, topics, exam, session)
        clock.lap("unlearn")
        with tqdm(total=len(exam.items), desc="scoring", unit=" questions", disable=None, leave=False) as bar:
            answers = sit(exam, model, plan.scoring.batch_tokens, bar.update)
        clock.lap("score")
        made = _record(plan, inputs, history, scores(answers), clock, session.id)
        session.summarise({"status": made.status.value, **flat(made.scores)})
    record.write(folder, made, answers)
    _tell(folder, made)
    return folder


class Clock:
    """Seconds by phase: each lap ends one."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """End the phase of that name, and begin the next."""
        now = time.perf_counter()
        self.laps[name], self._last = now - self._last, now


@dataclass(frozen=True)
class Inputs:
    """What a run is made from, and the identity that follows."""

    tasks: Sequence[Task]
    topics: Sequence[Topic]
    model: ModelFolder
    fingerprints: dict[str, str]
    identity: str


def _inputs(plan: Plan) -> Inputs:
    tasks = [make_task(name, source, plan.seed) for name, source in plan.datasets.items()]
    topics = plan.corpus.topics(plan.seed) if plan.corpus else ()
    model = plan.model.folder()
    fingerprints = {"model": loading.fingerprint(model.folder), "questions": questions.fingerprint(tasks)}
    if topics:
        fingerprints["corpus"] = corpora.fingerprint(topics)
    return Inputs(tasks, topics, model, fingerprints, record.identity(plan.config, fingerprints))


def _policy(plan: Plan, model: PreTrainedModel) -> Policy:
    """Return the model ready for training, after a check that every layer the plan names is there and is reached."""
    recipe = plan.recipe
    assert recipe
    policy = loading.policy_of(model, recipe.train.parameters)
    loading.check_layer("method.layer", recipe.method.layer, policy.layers)
    loading.check_layer("noise.layer", recipe.noise.layer, policy.layers)
    for number, layer in enumerate(policy.layers):
        if number > recipe.method.layer and any(parameter.requires_grad for parameter in layer.parameters()):
            remedy = f"matches tensors of layer {number}, above method.layer={recipe.method.layer}, which no loss reaches"
            raise InputError("train.parameters", recipe.train.parameters, f"{remedy}; narrow the pattern")
    if recipe.noise.scale and recipe.noise.layer > recipe.method.layer:
        steered = recipe.method.layer
        raise InputError("noise.layer", recipe.noise.layer, f"the loss is taken at layer {steered}; give {steered} or less")
    return policy


def _batches(train: Train, topics: Sequence[Topic], tokenizer: PreTrainedTokenizerBase, policy: Policy) -> list[TopicBatches]:
    def batches(texts: Sequence[str]) -> Batches:
        return Batches(texts, tokenizer, train.batch_size, train.max_tokens, policy.device)

    return [TopicBatches(topic.name, batches(topic.forget), batches(topic.retain)) for topic in topics]


def _unlearn(plan: Plan, recipe: Recipe, policy: Policy, topics: Sequence[TopicBatches], exam: Exam, session: Session) -> History:
    """Train, with a look at a subset of the exam every so many steps, a bar, and the tracker told of each."""
    every, steps = plan.scoring.every, recipe.train.steps
    subset = exam.first(plan.scoring.questions)

    def watch(step: int) -> tuple[Score, ...] | None:
        if not every or (step % every and step != steps):
            return None
        seen = scores(sit(subset, policy.model, plan.scoring.batch_tokens))
        session.log(step, {f"along/{key}": value for key, value in flat(seen).items()})
        return seen

    with tqdm(total=steps, desc="unlearning", unit=" steps", disable=None, leave=False) as bar:

        def progress(loss: StepLoss) -> None:
            bar.update()
            bar.set_postfix(forget=loss.forget, retain=loss.retain, refresh=False)
            session.log(loss.step, {f"forget/{loss.topic}": loss.forget, f"retain/{loss.topic}": loss.retain})

        return unlearn(policy, topics, recipe, watch, progress)


def _record(plan: Plan, inputs: Inputs, history: History, final: tuple[Score, ...], clock: Clock, tracker: str | None) -> RunRecord:
    status, reason = _status(history, final)
    asked = sum(score.n for score in final)
    return RunRecord(
        schema_version=record.SCHEMA_VERSION,
        identity=inputs.identity,
        status=status,
        reason=reason,
        model=inputs.model.name,
        config=record.relevant(plan.config),
        choices=plan.choices,
        fingerprints=inputs.fingerprints,
        scores=final,
        trajectory=tuple(history.trajectory),
        losses=tuple(history.losses),
        facts={key: finite(value) for key, value in history.facts.items()},
        provenance=record.provenance(),
        measured={
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": clock.laps,
            "questions_per_second": asked / clock.laps["score"],
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "host": node(),
            "command": sys.argv[1:],
            "tracker_id": tracker,
            **{key: plan.config[key] for key in record.WITHOUT_EFFECT if key in plan.config},
        },
    )


def _status(history: History, final: Sequence[Score]) -> tuple[Status, str]:
    """Return how the run ended. Chance is 1 in 4; above it means by more than two standard errors."""
    if history.diverged:
        return Status.diverged, history.diverged
    if not history.trajectory:
        return Status.finished, ""
    before = {score.task: score for score in history.trajectory[0].scores if score.form == CLEAN}
    for score in final:
        known = before.get(score.task)
        if known and score.role == "retain" and score.form == CLEAN and _above(known) and not _above(score):
            return Status.collapsed, f"{score.task} fell from {known.accuracy:.3f} to {score.accuracy:.3f}, which is chance"
    return Status.finished, ""


def _above(score: Score) -> bool:
    return score.accuracy - 2 * (score.stderr or 0) > 0.25


def _tell(folder: Path, made: RunRecord) -> None:
    """Print what a user wants to see first, in one piece: which run, accuracy by task and form, where the record lies."""
    noise = made.config.get("noise", {"scale": 0, "unit": ""})
    shown = f"noise {noise['scale']:g} {noise['unit']}, " if noise["scale"] else ""
    lines = [
        f"{made.model}, {made.choices['method']}, {shown}seed {made.config['seed']}: {made.status.value} {made.reason}".rstrip()
    ]
    for task in dict.fromkeys(score.task for score in made.scores):
        forms = "  ".join(f"{score.form} {score.accuracy:.3f}" for score in made.scores if score.task == task)
        lines.append(f"{task:>20}  {forms}")
    lines.append(f"{'':>20}  {made.measured['questions_per_second']:.0f} questions/s; {folder / record.RECORD}")
    print("\n".join(lines), flush=True)
