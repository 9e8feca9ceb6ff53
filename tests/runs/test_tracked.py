"""Whole runs: what a tracker has of them is what their records have."""

import json
import re
import subprocess
import sys

import pytest

from rna_bench.core.types import InputError
from rna_bench.experiment.attack_runs import attack_recorded, attack_request
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.config import experiment_config
from rna_bench.experiment.run import execute
from rna_bench.runs.attack_record import read_attack, record_path
from rna_bench.runs.record import RECORD, read
from rna_bench.runs.tracking.dashboard.specification import make_dashboard, specifications
from rna_bench.runs.tracking.metrics import eval_point_values, final_values, loss_values, norm_values
from tests.runs.wandb_server import Bucket

SECRETS = {"WANDB_API_KEY": "k" * 40, "HF_TOKEN": "hf_0123456789abcdef"}


@pytest.fixture
def run(tiny, tmp_path, home):
    """Carry out a small run of the tiny model; return the folder of its record."""

    def go(*words: str):
        given = [
            "model=local",
            "corpus=pocket",
            "trigger=pocket",
            f"model.path={tiny}",
            "method.layer=1",
            r'train.parameters="model\.layers\.[01]\..*weight"',
            "train={steps: 3, batch_size: 2, lr: 0.01}",
            "corpus.texts=8",
            "dataset=[pocket_hazard_1,pocket_subjects]",
            "dataset.pocket_hazard_1.limit=3",
            "dataset.pocket_subjects.limit=4",
            "scoring={every: 2, questions: 2}",
            "sweep=small",
            f"results_dir={tmp_path / 'results'}",
        ]
        return execute(experiment_config(*compose_run([*given, *words])))

    return go


def expected(record) -> list[dict]:
    """Return the rows that a record stands for: losses by step, each after the eval point of that step, if there is one."""
    points = {
        point.step: {"step": point.step, **eval_point_values(point.scores), **norm_values(point.hidden_norm)}
        for point in record.eval_points
    }
    rows = []
    for loss in record.losses:
        rows += [points.pop(loss.step)] if loss.step in points else []
        rows.append({"step": loss.step, **loss_values(loss)})
    return [{"_step": number, **row} for number, row in enumerate([*rows, *points.values()])]


def same(bucket: Bucket, record) -> bool:
    assert [row for row in bucket.history if "subjects" not in row] == expected(record)
    summary = {
        "status": record.status.value,
        **final_values(record.scores),
        **loss_values(record.losses[0]),
        **loss_values(record.losses[1]),
    }
    assert set(summary) <= set(bucket.summary)
    assert {name: bucket.summary[name] for name in final_values(record.scores)} == final_values(record.scores)
    assert holds(bucket.config, record.config)
    assert bucket.config["fingerprints"] == record.fingerprints
    return True


def shown(spec: dict) -> list[tuple[str, str]]:
    """Return what the panels and columns of a dashboard show, as kind (summary, config, history or pattern) and name."""
    section = spec["section"]
    panels = [panel["config"] for section in section["panelBankConfig"]["sections"] for panel in section["panels"]]
    names = [column for runs in section["runSets"] for column in runs["runFeed"]["columnPinned"] if not column.startswith("run:")]
    names += [panel[axis] for panel in panels for axis in ("xAxis", "yAxis", "zAxis") if ":" in panel.get(axis, "")]
    names += [f"config:{panel['groupBy']}" for panel in panels if ".value" in panel.get("groupBy", "")]
    for panel in panels:
        kind = "history" if panel.get("xAxis") == "step" else "summary"
        names += [f"{kind}:{name}" for name in panel.get("metrics", [])]
        names += [f"pattern:{panel['metricRegex']}"] if "metricRegex" in panel else []
    return [tuple(name.split(":", 1)) for name in names]


def missing(bucket: Bucket, spec: dict) -> list[tuple[str, str]]:
    """Return what a dashboard would show that the server does not have of a run."""
    rows = {name for row in bucket.history for name in row}

    def there(kind: str, name: str) -> bool:
        if kind == "pattern":
            return any(re.search(name, key) for key in rows)
        if kind != "config":
            return name in {"summary": set(bucket.summary), "history": rows}[kind]
        node = bucket.config
        for key in name.replace(".value", "", 1).split("."):
            node = node.get(key, {})
        return node != {}

    return [pair for pair in shown(spec) if not there(*pair)]


def holds(whole, part):
    """Return whether a configuration has all that a record keeps of it; W&B drops empty mappings."""
    if not isinstance(part, dict):
        return whole == part
    return all(holds(whole.get(key), value) for key, value in part.items() if value != {})


def test_a_run_synced_by_wandb_has_what_its_record_has_and_what_dashboards_show_and_no_secret(run, server, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    folder = run("tracker=wandb", "tracker.mode=offline")
    import wandb

    wandb.teardown()
    (session,) = folder.glob("wandb/offline-*")
    command = [sys.executable, "-m", "wandb", "sync", str(session)]
    subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=folder)  # it leaves logs where it is
    record = read(folder / RECORD)
    bucket = server.runs["rna_bench", folder.name]
    assert same(bucket, record)
    assert record.measured["tracker_id"] == folder.name == record.identity
    assert (bucket.given["groupName"], bucket.given["jobType"]) == ("rmu noise 1 rms", "unlearn")
    assert bucket.given["tags"] == ["local", "rmu", "noise", "sweep small"]
    spec = specifications(make_dashboard("E", "P", ["rmu"]))[0]["spec"]
    assert len(shown(spec)) > 40
    assert missing(bucket, spec) == []
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    held = [path for path in files for secret in SECRETS.values() if secret.encode() in path.read_bytes()]
    assert held == []
    assert not any(secret in json.dumps(bucket.given) for secret in SECRETS.values())


def test_attacks_at_the_end_and_later_are_rows_of_their_run_after_those_of_training(run, server, monkeypatch):
    folder = run("tracker=wandb", "tracker.mode=offline", "attack=[relearn]", "attack.relearn={facts: 1, steps: [0, 1]}")
    words = ["attack=[quantise]", "tracker=wandb", "tracker.mode=offline"]
    outcome = attack_recorded(folder, attack_request(words, None, None, retrain=False))
    assert outcome.text, outcome
    import wandb

    wandb.teardown()
    (session,) = folder.glob("wandb/offline-*")  # the first was not sent, so the second has all of it
    command = [sys.executable, "-m", "wandb", "sync", str(session)]
    subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=folder)
    bucket, record = server.runs["rna_bench", folder.name], read(folder / RECORD)
    relearn, quantise = (read_attack(record_path(folder, name)).scores for name in ("relearn", "quantise"))
    trained = expected(record)
    assert bucket.history[: len(trained)] == trained
    rows = [row for row in bucket.history[len(trained) :] if "subjects" not in row]
    assert [row["step"] for row in rows] == [0, 1, 0]
    names = {"forget": "accuracy", "retaught": "retaught", "retain": "retain"}
    along = {(one.budget, f"attack/relearn/{one.task}/{names[one.role]}"): one.accuracy for one in relearn}
    assert {(row["step"], name): value for row in rows[:2] for name, value in row.items() if "step" not in name} == along
    assert {f"attack/quantise/{one.variant}/{one.task}/{names[one.role]}" for one in quantise} == set(rows[2]) - {"step", "_step"}
    forget = "attack/relearn/pocket_hazard_1"
    assert bucket.summary[f"{forget}/accuracy"] == along[1, f"{forget}/accuracy"]
    assert bucket.summary[f"{forget}/area"] == pytest.approx((along[0, f"{forget}/accuracy"] + along[1, f"{forget}/accuracy"]) / 2)
    assert bucket.given["tags"] == ["local", "rmu", "noise", "sweep small"]
    assert bucket.summary["status"] == record.status.value


def test_a_secret_on_the_command_line_is_refused_and_nothing_is_made(run, tmp_path):
    with pytest.raises(InputError, match=r"^tracker.api_key=\(not shown\): looks like a secret"):
        run("tracker=none", "+tracker.api_key=abc")
    assert not (tmp_path / "results").exists()
