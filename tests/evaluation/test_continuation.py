import math

import pytest
import torch
from transformers import GenerationConfig

from rna_bench.core.types import Response
from rna_bench.evaluation.continuation import continuations
from rna_bench.evaluation.replies import reply
from rna_bench.models.loading import load_model

PROMPTS = [[1, 9, 30, 12], [1, 44], [1, 8, 7, 6, 5, 21, 33]]


@pytest.fixture
def loaded(source):
    return load_model(source)


def naive(model, prompt, tokens):
    """One prompt, one token at a time, without a cache."""
    ids = list(prompt)
    for _ in range(tokens):
        with torch.no_grad():
            ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt) :]


def test_a_continuation_is_the_most_likely_token_again_and_again_whatever_it_is_padded_to(loaded):
    model, tokenizer = loaded
    expected = [naive(model, prompt, 6) for prompt in PROMPTS]
    assert len({tuple(row) for row in expected}) > 1
    assert continuations(model, tokenizer, PROMPTS, 6) == expected
    assert continuations(model, tokenizer, PROMPTS, 6, batch=1) == expected
    assert continuations(model, tokenizer, [], 6) == []


def test_it_ends_before_the_token_that_ends_a_text(loaded):
    model, tokenizer = loaded
    whole = naive(model, PROMPTS[0], 6)
    model.generation_config.eos_token_id = [whole[3], 2]
    assert continuations(model, tokenizer, PROMPTS[:1], 6) == [whole[: whole.index(whole[3])]]


def test_the_models_own_sampling_and_penalties_have_no_effect(loaded):
    model, tokenizer = loaded
    expected = continuations(model, tokenizer, PROMPTS, 6)
    model.generation_config = GenerationConfig(
        do_sample=True, temperature=5.0, top_k=3, top_p=0.5, repetition_penalty=9.0, no_repeat_ngram_size=1, eos_token_id=2
    )
    assert continuations(model, tokenizer, PROMPTS, 6) == expected


def test_probabilities_are_shares_of_the_four_and_mass_is_what_they_have_of_all_tokens():
    one = reply(Response("mmlu", "retain", "q", "clean", (math.log(0.1), math.log(0.2), math.log(0.1), math.log(0.1)), 0), "x")
    assert one.probabilities == pytest.approx((0.2, 0.4, 0.2, 0.2))
    assert one.mass == pytest.approx(0.5)
    assert (one.choice, one.continuation) == (1, "x")


def test_log_likelihoods_far_below_what_a_float_holds_have_probabilities_and_those_not_finite_none():
    low = reply(Response("mmlu", "retain", "q", "clean", (-1000.0, -1000.0, -1000.0, -1000.0), 0), "")
    assert low.probabilities == (0.25, 0.25, 0.25, 0.25)
    assert low.mass == 0.0
    none = reply(Response("mmlu", "retain", "q", "clean", (math.nan, -1.0, -1.0, -1.0), 0), "")
    assert (none.probabilities, none.mass, none.choice) == (None, None, None)
