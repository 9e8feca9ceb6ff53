"""A user's own attack and triggers, as rna_bench/README.md shows them, in a folder outside the package: from run to figures."""

import re
import sys
from pathlib import Path

import pytest

import rna_bench
from rna_bench.cli.main import main
from rna_bench.runs.record import RECORD

MAP = (Path(__file__).parents[1] / "rna_bench/README.md").read_text(encoding="utf-8")
SMALL = ["train.steps=2", "scoring.every=0", "corpus.texts=64", "threads=1", "tracker=none"]
SMALL += [f"dataset.{name}.limit=8" for name in ("pocket_hazard_1", "pocket_hazard_2", "pocket_subjects")]


def block(holding: str) -> str:
    (found,) = (found for found in re.findall(r"```\w*\n(.*?)```", MAP, re.DOTALL) if holding in found)
    return found


@pytest.fixture
def user(tmp_path, monkeypatch):
    """A user's folder with the map's attack, its configuration, and its triggers."""
    for name, holding in {
        "my_attacks.py": "class WeightNoise",
        "my_conf/attack/weight_noise.yaml": "_target_: my_attacks.WeightNoise",
        "my_conf/trigger/my_words.yaml": "forget_words: [Razodel",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(block(holding), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.fixture
def command(user, monkeypatch, capsys):
    """Run a line of the map in the user's folder, with more words; return what it prints."""

    def say(line: str, *more: str) -> str:
        words = line.removeprefix("PYTHONPATH=. rna-bench ").split()
        monkeypatch.setattr(sys, "argv", ["rna-bench", *words, *more])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        assert ended.value.code == 0, shown.err
        return shown.out + shown.err

    return say


def test_the_maps_attack_and_triggers_are_run_tabulated_and_drawn(user, command):
    run, attack = block("attack results/runs --config-dir").splitlines()
    assert "weight_noise on rmu seed 0" in command(run, *SMALL)
    (record,) = user.glob(f"results/runs/*/{RECORD}")
    asked = rna_bench.load_results(str(user / "results/runs"))
    assert set(asked.perturbation) == {"clean", "option", "option_control", "before", "before_control"}
    assert record.with_name("attack-weight_noise.json").is_file()
    written = record.with_name("attack-weight_noise.json").stat().st_mtime_ns
    command(run.replace("method=rmu", "method=none").replace("attack=[weight_noise]", ""), *SMALL)
    assert "weight_noise on none seed 0" in command(attack, "--jobs=1")
    assert record.with_name("attack-weight_noise.json").stat().st_mtime_ns == written
    frame = rna_bench.load_attacks(str(user / "results/runs"))
    assert set(frame.variant) == {"0.01", "0.1", "1"}
    assert set(frame.role) == {"forget", "retain"}
    known = frame[(frame.method == "none") & (frame.role == "forget")].groupby("variant").accuracy.mean()
    assert known["0.01"] > known["1"]
    command("tables results/runs")
    table = (user / "results/runs/tables/attacks.csv").read_text(encoding="utf-8")
    assert "weight_noise 0.01" in table
    assert "](recovered.png)" in command("figures results/runs")
