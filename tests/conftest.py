import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rna_bench.cli.main import main
from rna_bench.core import log
from rna_bench.core.types import Dtype, ModelFolder
from rna_bench.models.loading import load_model
from rna_bench.models.policies import policy_of
from rna_bench.models.segments import Policy
from rna_bench.pocket.tokenizer import make_tokenizer
from rna_bench.pocket.world import make_world

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of every level that users see go to standard error, as they do on the command line."""
    for name in (log.LEVEL, log.BARS):
        monkeypatch.setenv(name, "")  # so that what a test sets is taken back
    log.set_up("INFO")


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


@pytest.fixture(scope="session")
def fresh(tiny: Path) -> Callable[..., Policy]:
    """The tiny model as a policy, a copy of its own at each call; by default all weights of layer 1 are trained."""
    loaded = {dtype: load_model(ModelFolder("tiny", tiny, dtype, "cpu"))[0] for dtype in Dtype}

    def make(pattern: str = r"model\.layers\.1\..*weight", dtype: Dtype = Dtype.float32) -> Policy:
        return policy_of(deepcopy(loaded[dtype]), pattern)

    return make


@pytest.fixture
def policy(fresh: Callable[..., Policy]) -> Policy:
    """The tiny model; all weights of layers 0 and 1 are trained, those of layer 2 are not."""
    return fresh(r"model\.layers\.[01]\..*weight")


@pytest.fixture(scope="session")
def tokenizer():
    return make_tokenizer(make_world(0))


@pytest.fixture
def told(monkeypatch, capfd):
    """Run the command line in this process, and return its exit code and what it printed."""
    for name in ("HF_HUB_OFFLINE", "HYDRA_FULL_ERROR"):
        monkeypatch.setenv(name, "1")

    def go(*words):
        monkeypatch.setattr(sys, "argv", ["rna-bench", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capfd.readouterr()
        return int(str(ended.value.code)), printed.out, printed.err

    return go
