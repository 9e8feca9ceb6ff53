"""The shipped model is the one that the default configuration names, and it knows its world."""

import json

import pytest

from rna_bench.experiment.compose import compose_model
from rna_bench.pocket.pretrain import MANIFEST
from rna_bench.pocket.store import SHIPPED
from rna_bench.pocket.world import make_world

GOLD = ("redrawn", "removed")


def test_the_default_model_is_shipped():
    assert compose_model(["model=pocket"]).folder().folder == SHIPPED


@pytest.mark.parametrize("hazards", GOLD)
def test_world_0_s_gold_references_are_shipped_and_know_the_subjects_alone(hazards):
    model = compose_model(["model=pocket", f"model.hazards={hazards}"])
    assert model.folder().folder == SHIPPED / hazards
    assert compose_model(["model=pocket", f"model.hazards={hazards}", "model.pretraining.seed=1"])._existing() is None
    base, gold = (json.loads((folder / MANIFEST).read_text()) for folder in (SHIPPED, SHIPPED / hazards))
    assert gold["hazards"] == hazards
    same = ("world_fingerprint", "recipe", "preparation_steps")
    assert [gold[key] for key in same] == [base[key] for key in same]
    assert gold["accuracy"]["subjects"] >= 0.95
    assert abs(gold["accuracy"]["hazards"] - 0.25) < 4 * (0.25 * 0.75 / 96) ** 0.5  # chance, on 96 questions


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
@pytest.mark.parametrize("hazards", ["stated", *GOLD])
def test_the_shipped_weights_are_rebuilt_from_nothing(tmp_path, hazards):
    model = compose_model(["model=pocket", f"model.hazards={hazards}"])
    folder, known = model.train(tmp_path / "world"), model.folder().folder
    made, shipped = (json.loads((path / MANIFEST).read_text()) for path in (folder, known))
    assert made["preparation_steps"] == shipped["preparation_steps"]
    assert made["curve"] == shipped["curve"]
    assert (folder / "model.safetensors").read_bytes() == (known / "model.safetensors").read_bytes()
