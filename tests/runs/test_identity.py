"""What changes a run's identity, and what does not."""

import json
from itertools import product
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

import rna_bench.experiment.data
from rna_bench.core.renames import MOVED
from rna_bench.core.schemas import build
from rna_bench.core.types import ModelFolder
from rna_bench.experiment.compose import compose_from
from rna_bench.experiment.config import experiment_config
from rna_bench.experiment.resolvers import config_folder
from rna_bench.pocket.store import PocketModel
from rna_bench.runs.identity import canonical, identity, relevant
from rna_bench.runs.record import RECORD
from tests.builders.configs import CONFIG, FINGERPRINTS, changed

PUBLISHED = Path(__file__).parents[2] / "results/published"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", 1),
        ("threads", 2),
        ("model.dtype", "bfloat16"),
        ("method._target_", "rna_bench.unlearning.methods.rmu.AdaptiveRMU"),
        ("method.steering_coefficient", 6.6),
        ("retain._target_", "rna_bench.unlearning.retain_losses.KL"),
        ("noise.scale", 0.5),
        ("noise.scale", 0.0),
        ("noise.unit", "absolute"),
        ("noise.layer", 0),
        ("train.steps", 3),
        ("optimizer.betas", [0.9, 0.99]),
        ("topics", {"bio": {"max_tokens": 5}}),
        ("scoring.every", 2),
        ("trigger.types", ["before"]),
    ],
)
def test_identity_changes_with_every_setting_that_matters(path, value):
    assert identity(changed(path, value), FINGERPRINTS) != identity(CONFIG, FINGERPRINTS)


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_identity_changes_with_every_fingerprint(name):
    assert identity(CONFIG, FINGERPRINTS | {name: "zz"}) != identity(CONFIG, FINGERPRINTS)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("results_dir", "elsewhere"),
        ("tracker", {"_target_": "Wandb", "project": "p"}),
        ("launcher", {"n_jobs": 2}),
        ("model.path", "/there"),
        ("model.name", "mine"),
        ("dataset.mmlu.path", "/there/mmlu"),
        ("corpus", {"_target_": "rna_bench.data.corpora.TextFiles", "forget": {"bio": "f.txt"}, "retain": "r.txt"}),
        ("train.gradient_checkpointing", True),
    ],
)
def test_identity_does_not_change_with_what_determines_nothing_or_is_in_the_fingerprints(path, value):
    assert identity(changed(path, value), FINGERPRINTS) == identity(CONFIG, FINGERPRINTS)


POCKET_TEXT = {"_target_": "rna_bench.pocket.held_out.PocketHeldOut", "world": 0}
OWN_TEXT = {"_target_": "rna_bench.data.held_out.HeldOutFile", "path": "/here", "limit": 0}


@pytest.mark.parametrize("section", [POCKET_TEXT, {"_target_": None}, None])
def test_held_out_text_that_follows_from_world_and_seed_makes_no_other_run(section):
    assert identity(CONFIG | {"heldout": section}, FINGERPRINTS) == identity(CONFIG, FINGERPRINTS)
    assert "heldout" not in relevant(CONFIG | {"heldout": section})


def test_continuations_make_another_run_only_where_there_are_any():
    section = {"_target_": "rna_bench.evaluation.generation.GenerationSettings", "prompts": 0, "words": 12, "tokens": 32}
    assert identity(CONFIG | {"generation": section}, FINGERPRINTS) == identity(CONFIG, FINGERPRINTS)
    assert "generation" not in relevant(CONFIG | {"generation": section})
    wanted = [section | {"prompts": 8}, section | {"prompts": 8, "tokens": 9}]
    assert len({identity(CONFIG | {"generation": one}, FINGERPRINTS) for one in (section, *wanted)}) == 3


def test_other_held_out_text_makes_another_run_by_its_words_and_not_by_its_place():
    config = CONFIG | {"heldout": OWN_TEXT}
    moved = CONFIG | {"heldout": OWN_TEXT | {"path": "/there"}}
    assert relevant(config)["heldout"] == OWN_TEXT
    assert identity(config, FINGERPRINTS | {"heldout": "dd"}) == identity(moved, FINGERPRINTS | {"heldout": "dd"})
    assert identity(config, FINGERPRINTS | {"heldout": "dd"}) != identity(CONFIG, FINGERPRINTS)
    assert identity(config, FINGERPRINTS | {"heldout": "dd"}) != identity(config, FINGERPRINTS | {"heldout": "ee"})


@pytest.mark.parametrize(
    ("dtype", "given", "kept"), [("float32", True, False), ("bfloat16", True, True), ("bfloat16", False, False)]
)
def test_master_weights_make_another_run_only_of_weights_that_are_not_fp32(dtype, given, kept):
    before = changed("model.dtype", dtype) if dtype != "float32" else CONFIG
    config = before | {"optimizer": before["optimizer"] | {"master_weights": given}}
    assert (identity(config, FINGERPRINTS) != identity(before, FINGERPRINTS)) is kept
    assert ("master_weights" in relevant(config)["optimizer"]) is kept
    own = before | {"optimizer": {"_target_": "mine.AdamW", "master_weights": given}}
    assert "master_weights" in relevant(own)["optimizer"]


def test_identity_does_not_depend_on_the_order_of_keys():
    assert identity(dict(reversed(CONFIG.items())), FINGERPRINTS) == identity(CONFIG, FINGERPRINTS)


def test_identity_is_the_same_for_a_whole_number_and_its_float():
    one, same = changed("noise.scale", 2), changed("noise.scale", 2.0)
    assert identity(one, FINGERPRINTS) == identity(same, FINGERPRINTS)


@pytest.mark.parametrize(("key", "value"), [("layer", 0), ("unit", "absolute")])
def test_where_the_noise_is_nothing_neither_its_layer_nor_its_unit_makes_another_run(key, value):
    silent = CONFIG["noise"] | {"scale": 0.0}
    base, other = CONFIG | {"noise": silent}, CONFIG | {"noise": silent | {key: value}}
    assert identity(other, FINGERPRINTS) == identity(base, FINGERPRINTS)
    assert relevant(base)["noise"] == {"_target_": None, "scale": 0.0}


@pytest.mark.parametrize("method", [None, {"_target_": None}])
@pytest.mark.parametrize(
    ("path", "value"), [("noise.scale", 0.5), ("train.steps", 3), ("corpus.texts", 21), ("retain._target_", "KL")]
)
def test_identity_without_a_method_ignores_all_of_training(method, path, value):
    base, other = CONFIG | {"method": method}, changed(path, value) | {"method": method}
    assert identity(other, FINGERPRINTS) == identity(base, FINGERPRINTS)
    assert not {"noise", "train", "corpus", "retain"} & set(relevant(base))


def test_identity_without_a_method_still_changes_with_seed_and_questions():
    base, other = CONFIG | {"method": {"_target_": None}}, changed("seed", 1) | {"method": {"_target_": None}}
    assert identity(other, FINGERPRINTS) != identity(base, FINGERPRINTS)
    assert identity(base, FINGERPRINTS | {"questions": "zz"}) != identity(base, FINGERPRINTS)


def test_moving_a_class_changes_no_identity_and_what_was_written_before_is_still_built(monkeypatch):
    model = {"_target_": "rna_bench.models.loading.LocalModel", "path": "x", "name": "x", "dtype": "float32", "device": "cpu"}
    there = model | {"_target_": "rna_bench.elsewhere.LocalModel"}
    assert identity(CONFIG | {"model": there}, FINGERPRINTS) == identity(CONFIG | {"model": model}, FINGERPRINTS)
    monkeypatch.setitem(MOVED, "rna_bench.elsewhere", "rna_bench.models.loading")
    assert build("model", OmegaConf.create(there)) == build("model", OmegaConf.create(model))


def test_a_class_from_outside_is_not_taken_for_one_of_ours():
    outside = changed("method._target_", "mine.RMU")
    assert identity(outside, FINGERPRINTS) != identity(CONFIG, FINGERPRINTS)
    assert canonical(outside["method"])["_target_"] == "mine.RMU"


@pytest.fixture
def published_models(monkeypatch):
    """Both worlds' models by the fingerprints that the published records have, as training world 1 takes minutes."""
    models = {}
    for path in PUBLISHED.glob(f"*/*/{RECORD}"):
        record = json.loads(path.read_bytes())
        fingerprints = record["fingerprints"]
        models[record["config"]["model"]["world"]] = fingerprints.get("base", fingerprints["model"])
    monkeypatch.setattr(PocketModel, "folder", lambda self: ModelFolder("pocket", Path(str(self.world)), self.dtype, self.device))
    monkeypatch.setattr(rna_bench.experiment.data.loading, "fingerprint", lambda folder: models[int(folder.name)])
    rna_bench.experiment.data.drop_cached()
    yield
    rna_bench.experiment.data.drop_cached()


def grid(name):
    """The overrides of each run of a sweep's file."""
    params = yaml.safe_load((config_folder("sweeps") / f"{name}.yaml").read_text())["hydra"]["sweeper"]["params"]
    values = [[f"{key}={value}" for value in str(given).split(",")] for key, given in params.items()]
    return [list(point) for point in product(*values)]


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        pytest.param("pocket", 110, marks=pytest.mark.slow),
        ("pocket_paper", 30),
        pytest.param("pocket_methods", 63, marks=pytest.mark.slow),
    ],
)
def test_the_published_records_are_found_by_the_sweeps_that_made_them(name, runs, published_models):
    folder = PUBLISHED / name
    sweep = config_folder("sweeps")
    plans = (experiment_config(*compose_from(sweep, name, [*point, f"results_dir={folder}"])) for point in grid(name))
    found = {rna_bench.experiment.data.gather(plan).identity for plan in plans}
    recorded, of_pocket = ({path.parent.name for path in one.glob(f"*/{RECORD}")} for one in (folder, PUBLISHED / "pocket"))
    assert found <= recorded
    assert recorded - found <= of_pocket  # base runs, which stand in several folders
    assert len(found) == runs
