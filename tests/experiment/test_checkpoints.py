"""A model that was unlearned elsewhere (`method=checkpoint`), scored beside its base, as a user types it."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

import rna_bench
from rna_bench.pocket.store import SHIPPED
from rna_bench.runs.collection import collect
from rna_bench.runs.record import DELTA, QUESTIONS

SMALL = [
    "dataset=[pocket_hazard_1,pocket_subjects]",
    "dataset.pocket_hazard_1.limit=6",
    "dataset.pocket_subjects.limit=8",
    "tracker=none",
]
CHECKPOINT = ["method=checkpoint", *SMALL]


@pytest.fixture(scope="module")
def unlearned(say, tmp_path_factory) -> tuple[Path, Path]:
    """The record of a short run on pocket, and the run as a full checkpoint."""
    folder = tmp_path_factory.mktemp("unlearned")
    training = ["method=rmu", "noise=none", "train.steps=4", "train.lr=0.01", "corpus.texts=16", "scoring.every=0"]
    assert say("run", *training, *SMALL, f"results_dir={folder / 'runs'}") == 0
    (run,) = (path.parent for path in (folder / "runs").glob(f"*/{DELTA}"))
    assert say("export", "run", run, folder / "mine") == 0
    return run, folder / "mine"


def test_an_exported_run_has_the_scores_of_the_run_to_the_bit_and_a_row_beside_its_base(say, unlearned, tmp_path, capsys):
    run, folder = unlearned
    assert say("run", *CHECKPOINT, f"model.path={folder}", f"base={SHIPPED}", f"results_dir={tmp_path}") == 0
    found = collect(tmp_path)
    scored = next(each for each in found.runs if each.record.config.get("base"))
    base = next(each for each in found.runs if each is not scored)
    (trained,) = collect(run.parent).records
    assert (scored.record.scores, scored.record.breakdown) == (trained.scores, trained.breakdown)
    assert (scored.folder / QUESTIONS).read_bytes() == (run / QUESTIONS).read_bytes()
    assert (scored.record.losses, scored.record.eval_points) == ((), ())
    assert (base.record.choices["method"], base.record.model) == ("none", scored.record.model)
    assert scored.record.fingerprints["base"] == base.record.fingerprints["model"] == trained.fingerprints["model"]
    assert "pocket world 0, checkpoint mine, seed 0" in capsys.readouterr().out

    assert say("tables", tmp_path) == 0
    with (tmp_path / "tables/accuracy.csv").open(encoding="utf-8") as file:
        rows = [(row["model"], row["method"]) for row in csv.DictReader(file)]
    assert rows == [("pocket world 0", "none"), ("pocket world 0", "checkpoint mine")]
    shown = (tmp_path / "tables/tables.md").read_text(encoding="utf-8")
    assert "pocket world 0, checkpoint mine: **" in shown  # the verdict
    assert say("report", tmp_path) == 0
    assert "checkpoint mine" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert say("figures", tmp_path) == say("verify", tmp_path) == 0
    frame = rna_bench.load_results(str(tmp_path))
    assert set(frame["method"]) == {"none", "checkpoint mine"}
    assert set(frame["model"]) == {"pocket world 0"}

    assert say("export", "run", scored.folder, tmp_path / "out") == 0
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert "unlearned elsewhere" in card
    assert "pocket_subjects | retain | sentence" in card
    ours, theirs = (load_file(place / "model.safetensors") for place in (tmp_path / "out", folder))
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_what_was_asked_of_the_same_files_is_not_asked_again(say, unlearned, tmp_path, capfd):
    _, folder = unlearned
    shutil.copytree(folder, tmp_path / "other")
    weights = load_file(folder / "model.safetensors")
    name = "model.layers.1.mlp.down_proj.weight"
    save_file(weights | {name: weights[name] * 0.5}, tmp_path / "other/model.safetensors", metadata={"format": "pt"})
    into = f"results_dir={tmp_path / 'runs'}"
    assert say("run", "-m", *CHECKPOINT, f"model.path={folder},{tmp_path / 'other'}", "base=model", into) == 0
    records = collect(tmp_path / "runs").records
    assert sorted(str(record.config.get("name")) for record in records) == ["None", "mine", "other"]  # one base for both

    assert say("run", *CHECKPOINT, f"model.path={folder}", "base=none", "name=again", into) == 0
    again, first = (
        next(run for run in collect(tmp_path / "runs").runs if run.record.config.get("name") == name) for name in ("again", "mine")
    )
    assert (again.folder / QUESTIONS).read_bytes() == (first.folder / QUESTIONS).read_bytes()
    assert again.record.measured["responses_of"] == first.record.identity
    assert again.record.measured["questions_per_second"] == 0
    assert (again.record.scores, again.record.breakdown) == (first.record.scores, first.record.breakdown)
    assert f"run {first.record.identity} has asked these files the same" in capfd.readouterr().err

    assert say("run", "method=none", *SMALL, into) == 0  # the base is recorded by now
    assert "recorded already" in capfd.readouterr().err
    assert say("run", *CHECKPOINT, f"model.path={folder}", "base=model", "seed=1", into) == 0  # other questions
    assert len(collect(tmp_path / "runs").records) == 6

    assert say("tables", tmp_path / "runs") == 0
    assert "scored with base=none" in (tmp_path / "runs/tables/tables.md").read_text(encoding="utf-8")


def test_a_checkpoint_at_chance_has_collapsed(say, tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "empty")
    weights = load_file(SHIPPED / "model.safetensors")
    save_file(
        {name: tensor * 0 for name, tensor in weights.items()}, tmp_path / "empty/model.safetensors", metadata={"format": "pt"}
    )
    into = f"results_dir={tmp_path / 'runs'}"
    assert say("run", *CHECKPOINT, "dataset.pocket_subjects.limit=24", f"model.path={tmp_path / 'empty'}", "base=model", into) == 0
    status = {record.choices["method"]: (record.status.value, record.reason) for record in collect(tmp_path / "runs").records}
    assert status["none"] == ("finished", "")
    assert status["checkpoint"][0] == "collapsed"
    assert "pocket_subjects fell from 1.000" in status["checkpoint"][1]
    assert "not above chance, 0.25, by two standard errors of its 24 questions" in status["checkpoint"][1]


def test_what_is_no_version_of_its_base_is_refused_in_one_line(say, tiny, tmp_path, capfd):
    shutil.copytree(SHIPPED, tmp_path / "words")
    tokens = json.loads((SHIPPED / "tokenizer.json").read_text())
    vocab = tokens["model"]["vocab"]
    one, other = list(vocab)[-2:]
    vocab[one], vocab[other] = vocab[other], vocab[one]
    (tmp_path / "words/tokenizer.json").write_text(json.dumps(tokens))
    refused = {
        (f"model.path={tiny}", "base=model"): "num_hidden_layers is 3 in its config.json, and 6 in its base's",
        (f"model.path={tmp_path / 'words'}", f"base={SHIPPED}"): "its tokenizer is another one",
        (f"model.path={SHIPPED}",): "base=null: give base=FOLDER",
        (f"model.path={SHIPPED}", "base=/nowhere"): "base=/nowhere: there is no such folder",
        ("base=model",): "model.path=null: method=checkpoint scores the model in a folder",
        ("model=local", "trigger=none", "base=model"): "model.path=null: method=checkpoint",
        ("model=local", "trigger=none", f"model.path={SHIPPED}", "base=model"): "model=local names no model",
    }
    for words, why in refused.items():
        assert say("run", *CHECKPOINT, *words, f"results_dir={tmp_path / 'runs'}") == 1, words
        message = capfd.readouterr().err
        assert why in message
        assert message.count("\n") == 1
    assert not list((tmp_path / "runs").glob("*/record.json"))
    assert say("run", *SMALL, "+base=model") == 1
    assert "only method=checkpoint has a base" in capfd.readouterr().err


def test_doctor_and_the_export_of_questions_take_a_checkpoint(say, tiny, unlearned, tmp_path, capfd):
    _, folder = unlearned
    assert say("doctor", *CHECKPOINT, f"model.path={folder}", "base=model", f"results_dir={tmp_path}") == 0
    said = " ".join(capfd.readouterr().out.split())
    assert "checkpoint mine: unlearned elsewhere" in said
    assert "base: available, with the checkpoint's dimensions and tokenizer" in said
    assert say("doctor", *CHECKPOINT, f"model.path={tiny}", "base=model", f"results_dir={tmp_path}") == 1
    assert "WRONG base" in " ".join(capfd.readouterr().out.split())
    assert say("export", "lm-eval", tmp_path / "tasks", *CHECKPOINT, "trigger=pocket", f"model.path={folder}", "base=none") == 0
    assert (tmp_path / "tasks/README.md").exists()
