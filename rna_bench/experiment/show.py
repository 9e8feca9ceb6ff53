"""Examples of questions with the replies of the base model and of unlearned ones, whose trained tensors are put back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch

from rna_bench.core.types import CLEAN, InputError, Question, RunRecord, Task, TriggerType
from rna_bench.data.triggers import perturbations
from rna_bench.evaluation.replies import PromptKey, replies
from rna_bench.evaluation.requests import EvalSet, make_eval_set
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import Inputs
from rna_bench.experiment.load import SHARED
from rna_bench.experiment.restored import experiment_of, recorded_inputs, retrain
from rna_bench.models.delta import applied
from rna_bench.models.loading import context_length
from rna_bench.pocket.sources import PocketQuestions, PocketWords
from rna_bench.reporting.statistics.flips import Flips, flips
from rna_bench.reporting.statistics.responses import QuestionKey, read_response_matrices
from rna_bench.runs.collection import Recorded, collect
from rna_bench.runs.examples import SCHEMA_VERSION, Example, Examples, Reply, ShownModel, ShownPrompt
from rna_bench.runs.identity import canonical, is_checkpoint, trains
from rna_bench.runs.labels import run_label
from rna_bench.runs.lookup import find_delta, has_delta

BASE = ShownModel("base", "")
SAME = ("trigger", "scoring")
"""Sections, beside the questions, that runs must share to be shown the same prompts."""


@dataclass(frozen=True)
class Wanted:
    """What to show: how many questions, under which trigger type (None: the one with most flips), how many tokens continued.

    Trained tensors that do not lie beside a record are looked for below `deltas`; where there are none, `again` trains the run.
    """

    questions: int
    trigger_type: TriggerType | None
    tokens: int
    deltas: Path | None
    again: bool


class Counted(NamedTuple):
    """A trigger type, and for each run the questions that it flips; and for the base model, where a run of it lies beside."""

    trigger_type: TriggerType
    by_run: tuple[Flips, ...]
    base: Flips | None


def make_examples(runs: Sequence[Recorded], wanted: Wanted) -> Examples:
    """Return questions, those first that the first unlearned run flips, with the replies of the base model and of each run.

    Texts are left in, whatever they are of, as they are for a terminal; `storable` is what a file may keep.
    """
    _check_alike([run.record for run in runs])
    unlearned = [run for run in runs if trains(run.record.config)]
    if not wanted.again:  # said before anything slow
        for run in unlearned:
            find_delta(run.folder, run.record, wanted.deltas)
    record = runs[0].record
    experiment = experiment_of(record)
    inputs = recorded_inputs(experiment, record)
    base = _base_beside(runs[0])
    counted = _counted(unlearned or runs, base, experiment, wanted.trigger_type)
    deltas = [_delta(run, wanted) for run in unlearned]
    keys = counted.by_run[0].keys[: wanted.questions]
    eval_set = _eval_set(experiment, inputs, counted.trigger_type, keys)
    by_model = _replies(experiment, inputs, eval_set, deltas, wanted.tokens)
    pairs = _perturbed(experiment, inputs, counted.trigger_type, keys)
    examples = tuple(_example(task, pair, counted.trigger_type, by_model) for task, pair in pairs)
    models = _models(unlearned, base, counted)
    return Examples(SCHEMA_VERSION, record.model, record.config["seed"], counted.trigger_type.value, models, examples)


def storable(examples: Examples, runs: Sequence[Recorded]) -> Examples:
    """Return examples as a file may keep them: with texts of the fictional world, and of other questions without any text."""
    experiment = experiment_of(runs[0].record)
    words = isinstance(experiment.trigger, PocketWords)
    fictional = {name for name, source in experiment.datasets.items() if words and isinstance(source, PocketQuestions)}
    return replace(examples, examples=tuple(one if one.task in fictional else _textless(one) for one in examples.examples))


def _textless(example: Example) -> Example:
    def without(prompt: ShownPrompt) -> ShownPrompt:
        return ShownPrompt(prompt.perturbation, None, None, tuple(replace(reply, continuation=None) for reply in prompt.replies))

    return replace(example, clean=without(example.clean), perturbed=without(example.perturbed))


def _check_alike(records: Sequence[RunRecord]) -> None:
    """Raise InputError unless all runs were asked the same prompts of the same base model."""
    first = records[0]
    for other in records[1:]:
        if differing := _differing(first, other):
            remedy = f"differs from {first.identity} in {', '.join(differing)}, so its prompts are others; show it by itself"
            raise InputError("run", other.identity, remedy)


def _differing(one: RunRecord, other: RunRecord) -> list[str]:
    """Return what differs between two runs of what determines their prompts and their base model."""
    differing = [key for key in ("model", "questions") if one.fingerprints.get(key) != other.fingerprints.get(key)]
    differing += [key for key in SAME if canonical(one.config.get(key)) != canonical(other.config.get(key))]
    return differing + (["seed"] if one.config["seed"] != other.config["seed"] else [])


def _base_beside(run: Recorded) -> Recorded | None:
    """Return a run of the base model in the same folder that was asked the same prompts."""
    beside = collect(run.folder.resolve().parent).runs
    alike = (one for one in beside if not trains(one.record.config) and not is_checkpoint(one.record.config))
    return next((one for one in alike if not _differing(run.record, one.record)), None)


def _counted(runs: Sequence[Recorded], base: Recorded | None, experiment: ExperimentConfig, wanted: TriggerType | None) -> Counted:
    """Return the trigger type to show, the one under which the first run has most flips unless one is wanted, and the flips."""
    matrices = read_response_matrices([*runs, *([base] if base else [])])
    if matrices.left_out:
        raise InputError("run", runs[0].record.identity, f"{matrices.left_out[0]}; restore the file, or run again")
    tasks = [name for name, source in experiment.datasets.items() if source.role == "retain"]
    types = list(experiment.trigger.types)
    if not types or not tasks:
        raise InputError("run", runs[0].record.identity, "was asked no question with a trigger; name a run that was")
    if wanted and wanted not in types:
        known = ", ".join(one.value for one in types)
        raise InputError("--trigger-type", wanted.value, f"the run was scored under {known}; choose one of these")
    first, *others = [matrices.by_run[run.record.identity] for run in runs]
    by_type = {one: flips(first, tasks, one) for one in ([wanted] if wanted else types)}
    chosen = max(by_type, key=lambda one: by_type[one].flips)
    by_base = flips(matrices.by_run[base.record.identity], tasks, chosen) if base else None
    return Counted(chosen, (by_type[chosen], *(flips(other, tasks, chosen) for other in others)), by_base)


def _delta(run: Recorded, wanted: Wanted) -> Path:
    """Return the file of a run's trained tensors, after training it again if that is wanted and there is none."""
    if wanted.again and not has_delta(run.folder, run.record, wanted.deltas):
        return retrain(experiment_of(run.record), run.record)
    return find_delta(run.folder, run.record, wanted.deltas)


def _chosen(inputs: Inputs, keys: Sequence[QuestionKey]) -> Iterator[tuple[Task, Question]]:
    """Yield the questions of the keys, in their order."""
    by_key = {(task.name, question.id): (task, question) for task in inputs.tasks for question in task.questions}
    yield from (by_key[key] for key in keys)


def _eval_set(experiment: ExperimentConfig, inputs: Inputs, trigger_type: TriggerType, keys: Sequence[QuestionKey]) -> EvalSet:
    """Return the prompts of some questions, clean and with the trigger, as the run scored them."""
    model, tokenizer = SHARED.model(inputs.model, inputs.fingerprints["model"])
    asked = {task.name: task for task, _ in _chosen(inputs, keys)}
    tasks = [
        replace(task, questions=tuple(question for other, question in _chosen(inputs, keys) if other is task))
        for task in asked.values()
    ]
    whole = make_eval_set(
        tasks,
        (trigger_type,),
        experiment.trigger.pool(experiment.seed),
        tokenizer,
        experiment.seed,
        count=experiment.trigger.count,
        newlines=experiment.scoring.newlines,
        context=context_length(model, tokenizer),
    )
    shown = (CLEAN, trigger_type.trigger)
    return replace(whole, requests=tuple(request for request in whole.requests if request.perturbation in shown))


def _replies(
    experiment: ExperimentConfig, inputs: Inputs, eval_set: EvalSet, deltas: Sequence[Path], tokens: int
) -> list[Mapping[PromptKey, Reply]]:
    """Return the replies of the base model, and then those with each file of trained tensors put into it."""
    torch.set_num_threads(experiment.threads)
    model, tokenizer = SHARED.model(inputs.model, inputs.fingerprints["model"])
    size = experiment.scoring.batch_tokens
    by_model = [replies(eval_set, model, tokenizer, tokens, size)]
    for delta in deltas:
        with applied(delta, model):
            by_model.append(replies(eval_set, model, tokenizer, tokens, size))
    return by_model


def _perturbed(
    experiment: ExperimentConfig, inputs: Inputs, trigger_type: TriggerType, keys: Sequence[QuestionKey]
) -> Iterator[tuple[str, Mapping[str, Question]]]:
    """Yield each question with its task's name, clean and under the trigger type."""
    pool, seed, count = experiment.trigger.pool(experiment.seed), experiment.seed, experiment.trigger.count
    for task, question in _chosen(inputs, keys):
        yield task.name, perturbations(question, (trigger_type,), pool, seed, count, task.given.get(question.id))


def _example(
    task: str, forms: Mapping[str, Question], trigger_type: TriggerType, by_model: Sequence[Mapping[PromptKey, Reply]]
) -> Example:
    clean = forms[CLEAN]

    def prompt(perturbation: str) -> ShownPrompt:
        asked = forms[perturbation]
        own = tuple(model[task, clean.id, perturbation] for model in by_model)
        return ShownPrompt(perturbation, asked.stem, asked.choices, own)

    return Example(task, clean.subject, clean.id, clean.answer, prompt(CLEAN), prompt(trigger_type.trigger))


def _models(runs: Sequence[Recorded], base: Recorded | None, counted: Counted) -> tuple[ShownModel, ...]:
    """Return the base model and the runs by their labels; equal ones are told apart by the beginning of their identities."""
    labels = [run_label(run.record.config, run.record.choices) for run in runs]
    unique = [
        label if labels.count(label) == 1 else f"{label} {run.record.identity[:8]}" for label, run in zip(labels, runs, strict=True)
    ]
    shown = zip(unique, runs, counted.by_run, strict=False)
    of_base = (
        replace(BASE, run=base.record.identity, flips=counted.base.flips, asked=counted.base.asked)
        if base and counted.base
        else BASE
    )
    return (of_base, *(ShownModel(label, run.record.identity, own.flips, own.asked) for label, run, own in shown))
