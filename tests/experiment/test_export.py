import sys
from pathlib import Path

import pytest

from rna_bench.cli.main import main
from rna_bench.runs.collection import collect
from rna_bench.runs.record import DELTA, RECORD

SMALL = [
    "dataset=pocket_subjects",
    "dataset.pocket_subjects.limit=4",
    "tracker=none",
    "scoring.every=0",
    "corpus.texts=8",
    "model=local",
    "corpus=pocket",
    "trigger=pocket",
]
RSV = [
    "method=rsv",
    "noise=none",
    "method.layer=1",
    r'train.parameters="model\.layers\.[01]\..*weight"',
    "train.steps=2",
    "train.lr=0.01",
]


@pytest.fixture
def say(monkeypatch):
    """Run the command line in this process and return its exit code."""
    for name in ("HF_HUB_OFFLINE", "HYDRA_FULL_ERROR"):
        monkeypatch.setenv(name, "1")

    def go(*words: object) -> int:
        monkeypatch.setattr(sys, "argv", ["rna-bench", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(str(ended.value.code))

    return go


def only(folder: Path) -> Path:
    (made,) = folder.glob(f"*/{RECORD}")
    return made.parent


def test_an_exported_run_scores_the_same_when_it_is_loaded_again(say, tiny, tmp_path):
    assert say("run", *RSV, *SMALL, f"model.path={tiny}", f"results_dir={tmp_path / 'runs'}") == 0
    made = only(tmp_path / "runs")
    assert say("export", "run", made, tmp_path / "out") == 0
    again = ["method=none", *SMALL, f"model.path={tmp_path / 'out'}", f"results_dir={tmp_path / 'again'}"]
    assert say("run", *again) == 0
    (before,), (after,) = collect(tmp_path / "runs").records, collect(tmp_path / "again").records
    assert before.scores == after.scores
    assert before.fingerprints["model"] != after.fingerprints["model"]
    shown = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "rsv" in shown
    assert before.identity in shown
    assert "pocket_subjects | retain | clean" in shown


def test_what_cannot_be_exported_is_refused_in_one_line_and_leaves_nothing(say, tiny, tmp_path, capsys):
    assert say("run", *RSV, *SMALL, f"model.path={tiny}", f"results_dir={tmp_path / 'runs'}", "keep_delta=false") == 0
    made = only(tmp_path / "runs")
    assert not (made / DELTA).exists()
    for asked, key in (([made, tmp_path / "out"], f"has no {DELTA}"), ([tmp_path, tmp_path / "out"], "is no folder of a run")):
        capsys.readouterr()
        assert say("export", "run", *asked) == 1
        said = capsys.readouterr().err
        assert key in said
        assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()
