"""What a run is made from, gathered and checked: tasks, text, the model ready for training, batches."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rna_bench.core.cache import Recent
from rna_bench.core.types import ModelFolder, Task, Text, Topic
from rna_bench.data import fingerprints as text
from rna_bench.data.batches import Batches, TopicBatches
from rna_bench.data.questions import make_task
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.models import loading
from rna_bench.models.policies import checkpoint_layers, policy_of
from rna_bench.models.segments import Policy
from rna_bench.runs import record
from rna_bench.runs.identity import identity
from rna_bench.unlearning.config import Train, UnlearningConfig, check_layers, check_topics


@dataclass(frozen=True)
class Inputs:
    """What a run is made from, and the identity that follows."""

    tasks: Sequence[Task]
    topics: Sequence[Topic]
    model: ModelFolder
    fingerprints: dict[str, str]
    identity: str


class Asked(NamedTuple):
    """Questions, and the fingerprint of their text."""

    tasks: tuple[Task, ...]
    fingerprint: str


class Read(NamedTuple):
    """Text to forget and to retain, and its fingerprint."""

    topics: tuple[Topic, ...]
    fingerprint: str


def _asked_size(asked: Asked) -> int:
    return sum(len(question.stem) + sum(map(len, question.choices)) for task in asked.tasks for question in task.questions)


def _read_size(read: Read) -> int:
    texts = {id(text): text for topic in read.topics for part in (topic.forget, topic.retain) for text in part}
    return sum(len(text.context) + len(text.body) for text in texts.values())


ROOM = 2**27  # characters: five seeds of any benchmark, one of a large corpus
ASKED, READ, MODELS = Recent(ROOM, _asked_size), Recent(ROOM, _read_size), Recent(16, lambda _: 1)


def gather(plan: ExperimentConfig) -> Inputs:
    """Return the plan's questions, text and model folder, with their fingerprints.

    What has the same sections and seed as in an earlier run of this process is not made again, until `forget`.
    """
    tasks, of_questions = ASKED.get(json.dumps([plan.config["dataset"], plan.seed]), lambda: _asked(plan))
    corpus = plan.config["corpus"] if plan.corpus else None
    topics, of_corpus = READ.get(json.dumps([corpus, plan.seed]), lambda: _read(plan))
    if plan.recipe:
        check_topics(plan.recipe, [topic.name for topic in topics])
    model = plan.model.folder()
    of_model = MODELS.get(str(model.folder), lambda: loading.fingerprint(model.folder))
    fingerprints = {"model": of_model, "questions": of_questions} | ({"corpus": of_corpus} if topics else {})
    return Inputs(tasks, topics, model, fingerprints, _identity(plan, tasks, topics, fingerprints))


def _identity(plan: ExperimentConfig, tasks: Sequence[Task], topics: Sequence[Topic], fingerprints: Mapping[str, str]) -> str:
    """Return the run's identity, or the name of the folder that a record of an earlier schema has of the same run."""
    made = identity(plan.config, fingerprints)
    known = record.earlier(plan.results_dir)
    if not known or made in known:
        return known.get(made, made)
    questions = (fingerprints["questions"], *text.earlier_of_questions(tasks))
    corpora = (fingerprints.get("corpus", ""), *text.earlier_of_corpus(topics)) if topics else ("",)
    for one, other in product(questions, corpora):
        then = {"questions": one} | ({"corpus": other} if other else {})
        if found := known.get(identity(plan.config, {**fingerprints, **then})):
            return found
    return made


def forget() -> None:
    """Drop what is known of questions, text and models, as files may have changed since."""
    for known in (ASKED, READ, MODELS):
        known.clear()


def _asked(plan: ExperimentConfig) -> Asked:
    tasks = tuple(make_task(name, source, plan.seed) for name, source in plan.datasets.items())
    return Asked(tasks, text.of_questions(tasks))


def _read(plan: ExperimentConfig) -> Read:
    topics = plan.corpus.topics(plan.seed) if plan.corpus else ()
    return Read(topics, text.of_corpus(topics) if topics else "")


def trainable(recipe: UnlearningConfig, model: PreTrainedModel) -> Policy:
    """Return the model ready for training, after a check that every layer named is there and is reached."""
    policy = policy_of(model, recipe.train.parameters)
    if policy.unsplittable:
        print(f"the model is run whole, which is slower: {policy.unsplittable}")
    trained = [i for i, layer in enumerate(policy.layers) if any(parameter.requires_grad for parameter in layer.parameters())]
    check_layers(recipe, len(policy.layers), trained, policy.first)
    if recipe.train.gradient_checkpointing:
        checkpoint_layers(policy)
    return policy


def topic_batches(
    recipe: UnlearningConfig, topics: Sequence[Topic], tokenizer: PreTrainedTokenizerBase, policy: Policy
) -> list[TopicBatches]:
    """Return each topic's text as batches of the recipe's size, lengths and padding."""

    def batches(texts: Sequence[Text], train: Train, max_tokens: int) -> Batches:
        return Batches(texts, tokenizer, train.batch_size, max_tokens, policy.device, train.padding)

    def both(topic: Topic, train: Train) -> TopicBatches:
        forget, retain = batches(topic.forget, train, train.max_tokens), batches(topic.retain, train, train.retain_max_tokens)
        return TopicBatches(topic.name, forget, retain)

    return [both(topic, recipe.of(topic.name).train) for topic in topics]
