"""The model and what is made from it: the policy to train, and the evaluator of its questions."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import Inputs
from rna_bench.experiment.evaluate import Evaluator, make_evaluator
from rna_bench.experiment.shared import ProcessCache, restore
from rna_bench.models.policies import checkpoint_layers, policy_of
from rna_bench.models.segments import Policy
from rna_bench.models.store import NULL_STORE, Store
from rna_bench.unlearning.config import UnlearningConfig, check_layers

LOG = logging.getLogger(__name__)
SHARED = ProcessCache()
"""What the runs of a sweep share in this process."""


@dataclass(frozen=True)
class Loaded:
    """A model with its tokenizer and evaluator; `policy` is None where nothing is trained."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    evaluator: Evaluator
    policy: Policy | None
    store: Store


@contextmanager
def load(experiment: ExperimentConfig, inputs: Inputs, *, several: bool) -> Iterator[Loaded]:
    """Yield the model, ready for training and evaluation; afterwards its trained tensors are restored."""
    model, tokenizer = SHARED.model(inputs.model, inputs.fingerprints["model"])
    evaluator = make_evaluator(experiment, inputs, model, tokenizer)
    policy = _policy(experiment.recipe, model) if experiment.recipe else None
    try:
        yield Loaded(model, tokenizer, evaluator, policy, SHARED.store(experiment.reuse) if several else NULL_STORE)
    finally:
        if policy:
            restore(policy)


def _policy(recipe: UnlearningConfig, model: PreTrainedModel) -> Policy:
    """Return the model as a policy, after a check that every layer named exists and is reached by a loss."""
    policy = policy_of(model, recipe.train.parameters)
    if policy.unsplittable:
        LOG.warning("the model is run whole, which is slower: %s", policy.unsplittable)
    trained = [i for i, layer in enumerate(policy.layers) if any(parameter.requires_grad for parameter in layer.parameters())]
    check_layers(recipe, len(policy.layers), trained, policy.first)
    if recipe.train.gradient_checkpointing:
        checkpoint_layers(policy)
    return policy
