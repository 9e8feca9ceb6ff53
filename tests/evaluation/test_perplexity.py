import math

import pytest
import torch

from rna_bench.evaluation import perplexity as module
from rna_bench.evaluation.perplexity import perplexity
from rna_bench.models.loading import load_model

TEXTS = ("What is the answer?", "A. B. C. D. A. B. C.", "x", "The following are multiple choice questions")


@pytest.fixture
def loaded(source):
    return load_model(source)


def naive(model, tokenizer, texts, most=10**6):
    """Each text by itself, with the whole distribution."""
    total, tokens = 0.0, 0
    for text in texts:
        ids = tokenizer(text)["input_ids"][:most]
        with torch.no_grad():
            logps = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(dim=-1)
        total -= sum(float(logps[place - 1, ids[place]]) for place in range(1, len(ids)))
        tokens += len(ids) - 1
    return math.exp(total / tokens), tokens


@pytest.mark.parametrize("batch_tokens", [1, 40, 2048])
def test_it_is_that_of_each_text_by_itself_whatever_the_batches(loaded, monkeypatch, batch_tokens):
    monkeypatch.setattr(module, "BATCH_TOKENS", batch_tokens)
    found = perplexity(*loaded, TEXTS, "ab", 512)
    value, tokens = naive(*loaded, TEXTS)
    assert found.value == pytest.approx(value, rel=1e-5)
    assert (found.tokens, found.text) == (tokens, "ab")


def test_texts_are_cut_at_the_context(loaded):
    found = perplexity(*loaded, TEXTS, "ab", 5)
    value, tokens = naive(*loaded, TEXTS, 5)
    assert (found.value, found.tokens) == (pytest.approx(value, rel=1e-5), tokens)


def test_a_model_that_knows_nothing_has_the_size_of_its_vocabulary(loaded):
    model, tokenizer = loaded
    with torch.no_grad():
        model.get_input_embeddings().weight.zero_()  # tied to the head: all logits are 0
    found = perplexity(model, tokenizer, TEXTS, "ab", 512)
    assert found.value == pytest.approx(model.get_input_embeddings().weight.shape[0], rel=1e-5)


def test_a_broken_model_and_texts_of_one_token_have_none(loaded):
    model, tokenizer = loaded
    assert perplexity(model, tokenizer, ("",), "ab", 512).value is None
    with torch.no_grad():
        model.get_input_embeddings().weight.fill_(math.nan)
    assert perplexity(model, tokenizer, TEXTS, "ab", 512).value is None
