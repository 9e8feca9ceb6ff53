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


def test_world_0_s_gold_reference_is_shipped_and_knows_the_subjects_alone():
    model = compose_model(["model=pocket", "model.hazards=redrawn"])
    assert model.folder().folder == SHIPPED / "redrawn"
    assert compose_model(["model=pocket", "model.hazards=redrawn", "model.pretraining.seed=1"])._existing() is None
    base, gold = (json.loads((folder / MANIFEST).read_text()) for folder in (SHIPPED, SHIPPED / "redrawn"))
    assert gold["hazards"] == "redrawn"
    assert [gold[key] for key in ("world_fingerprint", "recipe")] == [base[key] for key in ("world_fingerprint", "recipe")]
    assert gold["accuracy"]["subjects"] >= 0.95
    assert abs(gold["accuracy"]["hazards"] - 0.25) < 4 * (0.25 * 0.75 / 96) ** 0.5  # chance, on 96 questions


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
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*")) < 16_000_000


@pytest.mark.slow
@pytest.mark.parametrize("hazards", ["stated", "redrawn"])
def test_the_shipped_weights_are_rebuilt_from_nothing(tmp_path, hazards):
    model = compose_model(["model=pocket", f"model.hazards={hazards}"])
    folder, known = model.train(tmp_path / "world"), model.folder().folder
    made, shipped = (json.loads((path / MANIFEST).read_text()) for path in (folder, known))
    assert made["preparation_steps"] == shipped["preparation_steps"]
    assert made["curve"] == shipped["curve"]
    assert (folder / "model.safetensors").read_bytes() == (known / "model.safetensors").read_bytes()
