"""The shipped model is the one that the default configuration names, and it knows its world."""

import json

import pytest

from rna_bench.experiment.compose import compose_model
from rna_bench.models.config_file import read_architecture
from rna_bench.pocket.pretrain import MANIFEST, dimensions
from rna_bench.pocket.store import SHIPPED
from rna_bench.pocket.tokenizer import make_tokenizer
from rna_bench.pocket.world import make_world


def test_the_default_model_is_shipped():
    assert compose_model(["model=pocket"]).folder().folder == SHIPPED


def test_dimensions_are_known_before_training_and_nothing_is_trained(tmp_path, monkeypatch):
    monkeypatch.setenv("RNA_BENCH_CACHE", str(tmp_path))
    shipped, other = compose_model(["model=pocket"]), compose_model(["model=pocket", "model.world=7"])
    assert dimensions(make_world(0), shipped.pretraining) == read_architecture(SHIPPED) == shipped.dimensions
    assert other.dimensions.vocab_size == len(make_tokenizer(make_world(7)))
    assert (bool(shipped.to_train), "pocket world 7 has yet to be trained" in other.to_train) == (False, True)
    assert not list(tmp_path.iterdir())


def test_another_recipe_is_not_taken_for_the_shipped_one(tmp_path, monkeypatch):
    monkeypatch.setenv("RNA_BENCH_CACHE", str(tmp_path))
    assert compose_model(["model=pocket", "model.pretraining.hidden_size=96"])._existing() is None
    assert compose_model(["model=pocket", "model.world=7"])._existing() is None


def test_the_shipped_manifest_is_of_this_world_and_of_a_model_that_learned():
    manifest = json.loads((SHIPPED / MANIFEST).read_text())
    assert manifest["world_fingerprint"] == make_world(0).fingerprint
    assert min(manifest["accuracy"].values()) >= 0.95
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 8_000_000


@pytest.mark.slow
def test_the_shipped_weights_are_rebuilt_from_nothing(tmp_path):
    folder = compose_model(["model=pocket"]).train(tmp_path / "world")
    made, shipped = (json.loads((path / MANIFEST).read_text()) for path in (folder, SHIPPED))
    assert made["preparation_steps"] == shipped["preparation_steps"]
    assert made["curve"] == shipped["curve"]
    assert (folder / "model.safetensors").read_bytes() == (SHIPPED / "model.safetensors").read_bytes()
