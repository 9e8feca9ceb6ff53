"""Attacks where the answer is known: pocket with its knowledge hidden by one direction that is added to hidden states."""

from contextlib import contextmanager
from random import Random

import pytest
import torch

from rna_bench.attacks.protocol import AttackText, Target
from rna_bench.attacks.relearn import Relearn, TextKind, TextSide
from rna_bench.core.types import Task
from rna_bench.data.facts import together
from rna_bench.evaluation.requests import make_eval_set
from rna_bench.evaluation.scoring import evaluate
from rna_bench.experiment.compose import compose_model
from rna_bench.models.loading import load_model
from rna_bench.models.policies import decoder_layers, preserved
from rna_bench.pocket.sources import PocketQuestions, PocketWords
from rna_bench.unlearning.optimizers import AdamW

SIZE = 30.0
ADAMW = AdamW([0.9, 0.999], 1e-8, 0.0)


@pytest.fixture(scope="module")
def model_and_tokenizer():
    return load_model(compose_model(["model=pocket"]).folder())


@contextmanager
def hidden(model):
    """Add one direction to every hidden state at the output of layer 2."""
    direction = torch.rand(model.config.hidden_size, generator=torch.Generator().manual_seed(0))
    added = SIZE * direction / direction.norm()

    def add(_layer, _inputs, output):
        return (output[0] + added, *output[1:]) if isinstance(output, tuple) else output + added

    hook = decoder_layers(model)[2].register_forward_hook(add)
    try:
        yield
    finally:
        hook.remove()


def test_relearning_recovers_what_an_added_direction_hides(model_and_tokenizer):
    model, tokenizer = model_and_tokenizer
    sources = {f"hazard_{number}": PocketQuestions("forget", 0, number, 0) for number in (1, 2)}
    asked = {name: source.questions(5) for name, source in sources.items()}
    tasks = [Task(name, "forget", questions[12:]) for name, questions in asked.items()]
    eval_set = make_eval_set(tasks, (), PocketWords([], 1, 0).pool(5), tokenizer, 5, count=1)
    text = together([source.fact_texts(asked[name][:12], 512, Random(0)) for name, source in sources.items()])
    attack = Relearn(TextKind.questions, TextSide.retaught, 12, [0, 64], 5e-4, 16, 512, ".*", ADAMW)

    def accuracy(readout):
        return sum(response.right for response in readout(eval_set)) / len(eval_set.requests)

    target = Target(model, tokenizer, lambda some: evaluate(some, model, 8192))
    seen = AttackText(text, text)
    with preserved(model):
        _, known = (accuracy(stage.readout) for stage in attack.stages(target, seen, Random(0)))
    with preserved(model), hidden(model):
        before, after = (accuracy(stage.readout) for stage in attack.stages(target, seen, Random(0)))
    assert before < 0.4
    # of what the intact model knows after the same attack, which costs it some facts, too
    assert after - before >= 0.9 * (known - before), (before, after, known)
