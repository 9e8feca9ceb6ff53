"""Hidden states and answers by layer, against a plain run of each prompt, for every family of models."""

import math
from copy import deepcopy

import pytest
import torch
from torch.testing import assert_close
from transformers import AutoModelForCausalLM

from rna_bench.evaluation.layer_scoring import layer_responses, layer_states
from rna_bench.evaluation.requests import EvalSet, Request
from rna_bench.evaluation.scoring import evaluate
from rna_bench.models import trees
from rna_bench.models.policies import decoder_layers
from tests.builders.models import CONFIGS, SIZES

PREFIX = tuple(3 + number % 50 for number in range(70))  # longer than the least that is shared
ROWS = [(*PREFIX, 5, 6), (*PREFIX, 5, 7, 8), (*PREFIX, 9), (11, 12, 13), (11, 12, 14, 15)]
REQUESTS = tuple(Request("t", "retain", str(len(ids) > 70), str(n), "clean", ids, 1, cut=False) for n, ids in enumerate(ROWS))
ASKED = EvalSet(REQUESTS, (3, 7, 11, 60))


@pytest.fixture(params=CONFIGS)
def model(request):
    config = deepcopy(CONFIGS[request.param])
    config.get_text_config().max_position_embeddings = 256
    torch.manual_seed(1)
    return AutoModelForCausalLM.from_config(config).eval()


def plain(model, ids):
    """Outputs of all layers at the last token, by hooks of our own."""
    seen = []
    hooks = [
        layer.register_forward_hook(lambda _m, _i, output: seen.append((output[0] if isinstance(output, tuple) else output)[0, -1]))
        for layer in decoder_layers(model)
    ]
    with torch.no_grad():
        model(input_ids=torch.tensor([ids]))
    for hook in hooks:
        hook.remove()
    return torch.stack(seen)


@pytest.mark.parametrize("batch_tokens", [1, 1000])
def test_states_are_those_of_each_prompt_by_itself(model, batch_tokens):
    states = layer_states(REQUESTS, model, batch_tokens)
    assert states.shape == (SIZES["num_hidden_layers"], len(ROWS), SIZES["hidden_size"])
    assert_close(states, torch.stack([plain(model, ids) for ids in ROWS], dim=1), rtol=1e-3, atol=1e-3)
    assert not any(layer._forward_hooks for layer in decoder_layers(model))


def test_the_last_norm_and_the_head_after_the_last_layer_give_the_models_own_answers(model):
    def read(states, letters):
        rows = trees.choice_logps(model, trees.final_states(model, states.flatten(0, 1)), letters)
        return rows.unflatten(0, states.shape[:2])

    by_layer = layer_responses(ASKED, model, 100, read)
    own = evaluate(ASKED, model, 100)
    assert len(by_layer) == SIZES["num_hidden_layers"]
    assert [one.question for one in by_layer[0]] == [one.question for one in own]
    assert_close(torch.tensor([one.logps for one in by_layer[-1]]), torch.tensor([one.logps for one in own]), rtol=1e-4, atol=1e-4)
    assert by_layer[0][0].logps != by_layer[-1][0].logps
    assert all(math.isfinite(logp) for one in by_layer[0] for logp in one.logps)


def test_the_questions_are_run_once_for_all_layers(model):
    runs = []
    hook = decoder_layers(model)[0].register_forward_hook(lambda *_: runs.append(1))
    evaluate(ASKED, model, 1000)
    once = len(runs)
    layer_responses(ASKED, model, 1000, lambda states, _: states[..., :4])
    hook.remove()
    assert len(runs) - once <= once + 4  # and the trial of prefix sharing
