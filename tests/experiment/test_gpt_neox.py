"""A randomly initialised GPT-NeoX through the whole run, with the tensors that `deep_ignorance_6_9b` trains."""

import sys

import pytest
import torch
from safetensors.torch import load_file
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from rna_bench.cli.main import main
from rna_bench.experiment.compose import compose_run
from rna_bench.models.config_file import read_architecture
from rna_bench.runs.collection import collect

SMALL = ["corpus=pocket", "corpus.texts=8", "trigger=pocket", "tracker=none", "scoring.every=0", "threads=1"]
SMALL += ["dataset=[pocket_hazard_1,pocket_subjects]", "dataset.pocket_hazard_1.limit=2", "dataset.pocket_subjects.limit=2"]


@pytest.fixture
def folder(tmp_path, tokenizer):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 8, "num_attention_heads": 2}
    config = GPTNeoXConfig(vocab_size=len(tokenizer), max_position_embeddings=512, initializer_range=0.3, **sizes)
    GPTNeoXForCausalLM(config).save_pretrained(tmp_path / "neox")
    tokenizer.save_pretrained(tmp_path / "neox")
    return tmp_path / "neox"


def test_dimensions_are_read_from_a_saved_gpt_neox(folder):
    model, read = GPTNeoXForCausalLM.from_pretrained(folder), read_architecture(folder)
    assert read
    assert read.tensors() == {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("method", ["rmu", "npo_kl"])
def test_the_trained_tensors_of_deep_ignorance_are_trained_in_a_whole_run(folder, tmp_path, monkeypatch, method):
    preset = compose_run(["model=deep_ignorance_6_9b", f"method={method}"])[0].train.parameters
    words = [f"method={method}", "model=local", f"model.path={folder}", f"train.parameters='{preset}'", "train.steps=2"]
    words += ["train.batch_size=2", f"results_dir={tmp_path}/runs", *SMALL]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(sys, "argv", ["rna-bench", "run", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    (made,) = collect(tmp_path / "runs").records
    assert (made.status.value, len(made.losses)) == ("finished", 2)
    (delta,) = (tmp_path / "runs").glob("*/delta.safetensors")
    assert set(load_file(delta)) == {f"gpt_neox.layers.{i}.mlp.dense_4h_to_h.weight" for i in (5, 6, 7)}
