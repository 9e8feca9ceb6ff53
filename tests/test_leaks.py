"""Forget corpora are hazardous: nothing of their text, nor of the questions', is left behind by a run, whole or failed."""

import json
import re
import signal
import sys
import traceback
from pathlib import Path

import pandas
import pytest

from rna_bench.cli.main import main
from rna_bench.core.types import InputError
from rna_bench.runs.record import QUESTIONS, RECORD

MARK = "Zyxquatl"
TEXT = f"a text of {MARK} that is long enough to be kept by any corpus there is, say fifty characters"
ROW = {"question": f"What is {MARK}?", "choices": [MARK, "b", "c", "d"], "answer": 0}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """All that a run can write to lies below tmp_path/left; W&B is offline."""
    left = tmp_path / "left"
    for name in ("HF_HUB_OFFLINE", "HYDRA_FULL_ERROR"):
        monkeypatch.setenv(name, "1")
    for name in ("HOME", "WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "TMPDIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(left / "home"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    (left / "home").mkdir(parents=True)
    monkeypatch.chdir(left)
    before = signal.getsignal(signal.SIGPIPE)
    yield left
    signal.signal(signal.SIGPIPE, before)


@pytest.fixture
def command(tiny, tmp_path, home, monkeypatch, capfd):
    """Run on a corpus and questions that hold MARK in every text; return exit code and all that was said."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "bio.jsonl").write_text("".join(json.dumps({"text": f"{TEXT} {number}"}) + "\n" for number in range(8)))
    (data / "cyber.txt").write_text(f"{TEXT}\n" * 8)
    (data / "wiki.txt").write_text(f"{TEXT}\n" * 8)
    (data / "wmdp-bio.jsonl").write_text(f"{json.dumps(ROW)}\n" * 3)
    (data / "anatomy_test.jsonl").write_text(f"{json.dumps(ROW)}\n" * 3)
    (data / "anatomy_dev.jsonl").write_text(f"{json.dumps(ROW)}\n" * 3)
    paths = {"forget.bio": "bio.jsonl", "forget.cyber": "cyber.txt", "retain": "wiki.txt"}
    given = [f"corpus.{key}.path={data / name}" for key, name in paths.items()]
    given += ["dataset=[wmdp_bio,mmlu]", f"dataset.wmdp_bio.path={data}", f"dataset.mmlu.path={data}", "dataset.mmlu.partial=true"]
    given += ["corpus=wmdp", "trigger=sars_cov_2", "tracker=wandb", "tracker.mode=offline", "model=local", f"model.path={tiny}"]
    given += ["method.layer=1", r'train.parameters="model\.layers\.[01]\..*weight"', "train.steps=3", "scoring.every=2"]

    def run(*words: str) -> tuple[int, str]:
        run.arguments = ["rna-bench", "run", *given, f"results_dir={home}/results", *words]
        monkeypatch.setattr(sys, "argv", run.arguments)
        with pytest.raises(SystemExit) as ended:
            main()
        said = capfd.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    run.data = data
    return run


def holding(folder: Path) -> list[str]:
    """Return the files that hold the mark; Parquet is read, as its pages are compressed."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    contents = {file: file.read_bytes() for file in files}
    contents |= {file: pandas.read_parquet(file).to_csv().encode() for file in files if file.suffix == ".parquet"}
    return [str(file) for file, content in contents.items() if MARK.encode() in content]


def test_the_mark_would_be_found(command, home):
    pandas.DataFrame([{"text": TEXT}]).to_parquet(home / "x.parquet")
    (home / "y.txt").write_text(TEXT)
    assert len(holding(home)) == 2


def test_a_run_leaves_nothing_of_its_texts_behind(command, home):
    code, said = command()
    assert code == 0
    assert MARK not in said
    names = {path.name for path in home.rglob("*")}
    assert {RECORD, QUESTIONS, "delta.safetensors"} <= names
    assert any(name.endswith(".wandb") for name in names)
    assert holding(home) == []


def test_a_sweep_that_keeps_activations_on_disk_leaves_nothing_either(command, home):
    (home / "kept").mkdir()
    code, said = command("-m", "noise.scale=0,1", "reuse.memory_mb=0", "reuse.disk_mb=64", f"reuse.folder={home}/kept")
    assert (code, MARK in said) == (0, False)
    assert holding(home) == []


@pytest.mark.parametrize(
    ("name", "line", "place"),
    [
        ("bio.jsonl", f'{{"text": "{TEXT}', "bio.jsonl:9: is not JSON"),
        ("bio.jsonl", json.dumps({"text": [TEXT]}), "bio.jsonl:9: column text is of type list"),
        ("cyber.txt", f"{TEXT}\0", "cyber.txt:9: column text contains a zero byte"),
        ("wmdp-bio.jsonl", json.dumps(ROW | {"answer": f"{MARK} itself"}), "wmdp-bio.jsonl:4: column answer is of type str"),
        ("anatomy_test.jsonl", json.dumps(ROW | {"subject": MARK}), "anatomy_test.jsonl:4: column subject is not anatomy"),
    ],
)
def test_a_malformed_row_is_named_and_its_text_is_not(command, home, monkeypatch, name, line, place):
    with (command.data / name).open("a") as file:
        file.write(line + "\n")
    code, said = command()
    assert code == 1
    assert place in said.splitlines()[-1]
    monkeypatch.setenv("RNA_BENCH_TRACEBACK", "1")
    monkeypatch.setattr(sys, "argv", command.arguments)
    with pytest.raises(InputError, match=re.escape(place)) as caught:
        main()
    assert MARK not in said + "".join(traceback.format_exception(caught.value))
    assert holding(home) == []
