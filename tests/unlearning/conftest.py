import pytest
import torch

from rna_bench.core.types import Padding, Text
from rna_bench.data.batches import Batches, TopicBatches


@pytest.fixture
def batches(tokenizer):
    """Texts as batches of two; what stands before a `|` is context."""

    def make(*texts, max_tokens=16, size=2, padding=Padding.masked):
        split = [Text(*text.split("|")) if "|" in text else Text("", text) for text in texts]
        return Batches(split, tokenizer, size, max_tokens, torch.device("cpu"), padding)

    return make


@pytest.fixture
def one(batches):
    return [TopicBatches("bio", batches("What is it?", "Which has it", "A 1 2 3"), batches("For the", "is 4 5 6"))]


@pytest.fixture
def two(batches, one):
    return [*one, TopicBatches("cyber", batches("7 8 9", "about B"), batches("C D", "this and that"))]
