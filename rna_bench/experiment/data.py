"""What a run is made from: questions, text and the model's folder, with the fingerprints and the identity that follow."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from rna_bench.core.cache import Recent
from rna_bench.core.types import ModelFolder, Task, Topic
from rna_bench.data import fingerprints as text
from rna_bench.data.questions import make_task
from rna_bench.data.triggers import check_given, check_subjects
from rna_bench.experiment.base import check_same_model
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.models import loading
from rna_bench.runs import record
from rna_bench.runs.identity import holds_out, identity
from rna_bench.unlearning.config import check_dimensions, check_topics


class FingerprintedTexts(NamedTuple):
    """Retain texts that are not trained on, and their fingerprint."""

    texts: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True)
class Inputs:
    """What a run is made from, and the identity that follows."""

    tasks: Sequence[Task]
    topics: Sequence[Topic]
    model: ModelFolder
    fingerprints: dict[str, str]
    identity: str
    held_out: FingerprintedTexts | None = None


class FingerprintedTasks(NamedTuple):
    """Questions, and the fingerprint of their text."""

    tasks: tuple[Task, ...]
    fingerprint: str


class FingerprintedTopics(NamedTuple):
    """Text to forget and to retain, and its fingerprint."""

    topics: tuple[Topic, ...]
    fingerprint: str


def _tasks_size(entry: FingerprintedTasks) -> int:
    clean = (question for task in entry.tasks for question in task.questions)
    given = (one.question for task in entry.tasks for one in task.given.values())
    return sum(len(question.stem) + sum(map(len, question.choices)) for question in (*clean, *given))


def _topics_size(entry: FingerprintedTopics) -> int:
    texts = {id(text): text for topic in entry.topics for part in (topic.forget, topic.retain) for text in part}
    return sum(len(text.context) + len(text.body) for text in texts.values())


CHARACTERS = 2**27  # five seeds of any benchmark, one of a large corpus
TASKS, TOPICS, MODELS = Recent(CHARACTERS, _tasks_size), Recent(CHARACTERS, _topics_size), Recent(16, lambda _: 1)
BASES: Recent[str] = Recent(16, lambda _: 1)


def gather(experiment: ExperimentConfig) -> Inputs:
    """Return the experiment's questions, text and model folder, with their fingerprints.

    Questions and text of an earlier run of this process with the same sections and seed are reused, until `drop_cached`.
    """
    if experiment.recipe and (dimensions := experiment.model.dimensions):
        check_dimensions(experiment.recipe, dimensions)
    tasks, questions_fingerprint = TASKS.get(
        json.dumps([experiment.config["dataset"], experiment.scoring.stderr, experiment.seed]), lambda: _tasks(experiment)
    )
    check_triggers(experiment, tasks)
    corpus = experiment.config["corpus"] if experiment.corpus else None
    topics, corpus_fingerprint = TOPICS.get(json.dumps([corpus, experiment.seed]), lambda: _topics(experiment))
    if experiment.recipe:
        check_topics(experiment.recipe, [topic.name for topic in topics])
    model = experiment.model.folder()
    fingerprints = {"model": _fingerprint(model), "questions": questions_fingerprint, **_base(experiment, model)} | (
        {"corpus": corpus_fingerprint} if topics else {}
    )
    held_out = _held_out(experiment)
    if held_out and holds_out(experiment.config):
        fingerprints["heldout"] = held_out.fingerprint
    return Inputs(tasks, topics, model, fingerprints, _identity(experiment, tasks, topics, fingerprints), held_out)


def _fingerprint(model: ModelFolder) -> str:
    return MODELS.get(str(model.folder), lambda: loading.fingerprint(model.folder))


def _base(experiment: ExperimentConfig, model: ModelFolder) -> dict[str, str]:
    """Return the fingerprint of a checkpoint's base, of which it must be a version; nothing where there is no base."""
    if experiment.base is None:
        return {}
    base = experiment.base.model.folder()

    def checked() -> str:
        check_same_model(model.folder, base.folder)
        return _fingerprint(base)

    return {"base": BASES.get(json.dumps([str(model.folder), str(base.folder)]), checked)}


def check_triggers(experiment: ExperimentConfig, tasks: Sequence[Task]) -> None:
    """Raise InputError unless there are triggers and controls for all questions to be retained."""
    for task in tasks:
        check_given(task, experiment.trigger.types)
    subjects = {question.subject for task in tasks if task.role == "retain" for question in task.questions}
    if subjects and experiment.trigger.types:
        check_subjects(sorted(subjects), experiment.trigger.types, experiment.trigger.pool(experiment.seed))


def drop_cached() -> None:
    """Drop the questions, text and models of earlier runs, as files may have changed since."""
    for entries in (TASKS, TOPICS, MODELS, BASES):
        entries.clear()


def _tasks(experiment: ExperimentConfig) -> FingerprintedTasks:
    tasks = tuple(
        make_task(name, source, experiment.seed, experiment.samplings[name]) for name, source in experiment.datasets.items()
    )
    return FingerprintedTasks(tasks, text.of_questions(tasks))


def _topics(experiment: ExperimentConfig) -> FingerprintedTopics:
    topics = experiment.corpus.topics(experiment.seed) if experiment.corpus else ()
    return FingerprintedTopics(topics, text.of_corpus(topics) if topics else "")


def _held_out(experiment: ExperimentConfig) -> FingerprintedTexts | None:
    if experiment.heldout is None:
        return None
    texts = tuple(experiment.heldout.texts(experiment.seed))
    return FingerprintedTexts(texts, text.of_texts(texts))


def _identity(experiment: ExperimentConfig, tasks: Sequence[Task], topics: Sequence[Topic], fingerprints: Mapping[str, str]) -> str:
    """Return the run's identity, or, if a record of an earlier schema has the same run, the name of its folder."""
    name = identity(experiment.config, fingerprints)
    earlier = record.earlier(experiment.results_dir)
    if not earlier or name in earlier:
        return earlier.get(name, name)
    questions = (fingerprints["questions"], *text.earlier_of_questions(tasks))
    corpora = (fingerprints.get("corpus", ""), *text.earlier_of_corpus(topics)) if topics else ("",)
    for one, other in product(questions, corpora):
        fingerprints_then = {"questions": one} | ({"corpus": other} if other else {})
        if folder := earlier.get(identity(experiment.config, {**fingerprints, **fingerprints_then})):
            return folder
    return name
