from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rna_bench.models.loading import load, policy_of
from rna_bench.models.passes import Policy
from rna_bench.pocket.tokenizer import make_tokenizer
from rna_bench.pocket.world import make_world
from rna_bench.schema import Dtype, ModelFolder

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a randomly initialised Llama of three layers that reads world 0's words.

    The first weights are large (0.3), so that layers differ by more than rounding does.
    """
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = make_tokenizer(make_world(0))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.3,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def source(tiny: Path) -> ModelFolder:
    return ModelFolder("tiny", tiny, Dtype.float32, "cpu")


@pytest.fixture
def policy(source: ModelFolder) -> Policy:
    """The tiny model, fresh from its folder; all weights of layers 0 and 1 are trained, those of layer 2 are not."""
    return policy_of(load(source)[0], r"model\.layers\.[01]\..*weight")


@pytest.fixture(scope="session")
def tokenizer():
    return make_tokenizer(make_world(0))
