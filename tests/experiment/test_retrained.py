"""Gold references of the pocket model (`method=retrained`), trained on texts without the hazards' facts, as a user types it."""

import csv
import json
from dataclasses import replace

import pytest

import rna_bench
from rna_bench.core.types import InputError
from rna_bench.experiment.compose import compose_model
from rna_bench.pocket import pretrain
from rna_bench.pocket.pretrain import MANIFEST
from rna_bench.pocket.store import SHIPPED
from rna_bench.pocket.world import make_world
from rna_bench.runs.collection import collect

SMALL = [
    "dataset=[pocket_hazard_1,pocket_subjects]",
    "dataset.pocket_hazard_1.limit=6",
    "dataset.pocket_subjects.limit=8",
    "tracker=none",
]
TINY = [
    f"model.pretraining.{key}={value}"
    for key, value in {"layers": 2, "hidden_size": 8, "intermediate_size": 8, "heads": 2, "steps": 4, "batch_size": 4}.items()
]


@pytest.fixture(scope="module")
def tiny_runs(say, monkeymodule, tmp_path_factory):
    """Runs of both gold references of a tiny pocket model, each warmed up for 25 steps a stage, and the cache of their models."""
    folder = tmp_path_factory.mktemp("gold")
    monkeymodule.setenv("RNA_BENCH_CACHE", str(folder / "cache"))
    monkeymodule.setattr(pretrain, "WARM_UP_STAGES", tuple(replace(stage, accuracy=0.0) for stage in pretrain.WARM_UP_STAGES))
    methods = "method=retrained,retrained_no_words"
    assert say("run", "-m", methods, "seed=1,2", *TINY, *SMALL, f"results_dir={folder / 'runs'}") == 0
    return folder


def test_gold_references_are_rows_beside_the_base_and_no_methods(say, tiny_runs):
    runs = tiny_runs / "runs"
    records = collect(runs).records
    assert len(records) == 6  # the base is scored once for both
    bases = {record.fingerprints["model"] for record in records if record.choices["method"] == "none"}
    golds = [record for record in records if record.choices["method"] != "none"]
    assert {record.fingerprints["base"] for record in golds} == bases
    assert len({record.fingerprints["model"] for record in golds} - bases) == 2
    assert {record.config["model"]["hazards"] for record in golds} == {"redrawn", "removed"}
    assert all("hazards" not in record.config["model"] for record in records if record not in golds)

    assert say("tables", runs) == say("figures", runs) == say("report", runs) == say("verify", runs) == 0
    with (runs / "tables/accuracy.csv").open(encoding="utf-8") as file:
        rows = [(row["model"], row["method"]) for row in csv.DictReader(file)]
    assert rows == [("pocket world 0", name) for name in ("none", "retrained", "retrained_no_words")]
    shown = (runs / "tables/tables.md").read_text(encoding="utf-8")
    assert "pocket world 0, retrained: **" in shown  # it is judged as methods are
    assert "of 1 method" not in shown  # and counted among none
    assert not (runs / "tables/methods.csv").exists()
    assert "retrained" in (runs / "report.html").read_text(encoding="utf-8")
    assert set(rna_bench.load_results(str(runs))["method"]) == {"none", "retrained", "retrained_no_words"}


def test_a_gold_reference_and_its_base_are_kept_in_the_cache(say, tiny_runs, capfd):
    models = {path.parent.name: json.loads(path.read_text()) for path in (tiny_runs / "cache").rglob(MANIFEST)}
    base = min(models)
    assert sorted(models) == [base, f"{base}-redrawn", f"{base}-removed"]
    assert "hazards" not in models[base]
    for name, manifest in models.items():
        assert manifest["preparation_steps"] == [25, 25]
        assert manifest["world_fingerprint"] == make_world(0).fingerprint
        assert name == base + f"-{manifest.get('hazards', '')}".rstrip("-")
    assert (
        say("run", "method=retrained", "model.hazards=removed", "seed=1", *TINY, *SMALL, f"results_dir={tiny_runs / 'runs'}") == 0
    )
    assert "recorded already" in capfd.readouterr().err  # the same as method=retrained_no_words


def test_a_gold_reference_is_exported_and_unlearned_as_any_model(say, tiny_runs, tmp_path):
    gold = next(run for run in collect(tiny_runs / "runs").runs if run.record.choices["method"] == "retrained")
    assert say("export", "run", gold.folder, tmp_path / "out") == 0
    assert "A gold reference" in (tmp_path / "out/README.md").read_text(encoding="utf-8")
    training = ["method=rmu", "noise=none", "train.steps=1", "method.layer=1", "train.parameters=[model.layers.1.mlp.*]"]
    into = f"results_dir={tmp_path / 'runs'}"
    assert say("run", *training, "corpus.texts=16", "scoring.every=0", "model.hazards=redrawn", *TINY, *SMALL, into) == 0
    (trained,) = collect(tmp_path / "runs").records
    assert trained.fingerprints["model"] == gold.record.fingerprints["model"]
    assert say("tables", tmp_path / "runs") == 0
    assert "model.hazards=redrawn" in (tmp_path / "runs/tables/tables.md").read_text(encoding="utf-8")  # the base run that it lacks


def test_doctor_trains_neither_the_gold_reference_nor_its_base(say, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("RNA_BENCH_CACHE", str(tmp_path / "cache"))
    assert say("doctor", "method=retrained", "model.world=7", *SMALL, f"results_dir={tmp_path}") == 0
    said = " ".join(capfd.readouterr().out.split())
    assert "retrained a gold reference" in said
    assert "base: pocket world 7 has yet to be trained" in said
    assert not (tmp_path / "cache").exists()


def test_what_has_no_gold_reference_here_is_refused_in_one_line(say, tmp_path, capfd):
    refused = {
        ("model=zephyr_7b",): "method=retrained: only the pocket model can be trained again here; score a model that never learned",
        ("model=deep_ignorance_6_9b",): "method=checkpoint model.path=FOLDER base=model (of deep_ignorance_6_9b",
        ("model=local", "trigger=none", f"model.path={SHIPPED}"): "only the pocket model",
        (f"model.path={SHIPPED}",): "score that in a folder with method=checkpoint",
        ("model.hazards=stated",): "model.hazards=stated: is the base model itself",
        ("base=none",): "base=none: the base of method=retrained",
        ("model.hazards=forgotten",): "model.hazards=forgotten",
    }
    for words, why in refused.items():
        data = SMALL if "model=zephyr_7b" not in words and "model=deep_ignorance_6_9b" not in words else ["tracker=none"]
        assert say("run", "method=retrained", *data, *words, f"results_dir={tmp_path / 'runs'}") == 1, words
        message = capfd.readouterr().err
        assert why in message
        assert message.count("\n") == 1
    assert not list((tmp_path / "runs").glob("*/record.json"))


def test_a_folder_s_model_has_no_hazards_of_its_own():
    with pytest.raises(InputError, match="leave one of them out"):
        compose_model(["model=pocket", "model.hazards=redrawn", f"model.path={SHIPPED}"])
