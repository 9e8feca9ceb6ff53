import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import rna_bench.experiment.train
from rna_bench.cli.main import main
from rna_bench.core.types import InputError
from rna_bench.runs.record import QUESTIONS, RECORD, read

GIVEN = [
    *("dataset=[pocket_hazard_1,pocket_subjects]", "dataset.pocket_hazard_1.limit=3", "dataset.pocket_subjects.limit=4"),
    *("method.layer=1", r'train.parameters="model\.layers\.[01]\..*weight"', "train.batch_size=2", "train.lr=0.01"),
    *(
        "scoring.every=2",
        "scoring.questions=2",
        "tracker=none",
        "model=local",
        "corpus=pocket",
        "trigger=pocket",
        "corpus.texts=8",
        "train.steps=6",
    ),
]


@pytest.fixture
def run(tiny, tmp_path, monkeypatch):
    """Run the command line in this process; return the exit code."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    before = signal.getsignal(signal.SIGPIPE)

    def go(*words: str, into: str = "results") -> int:
        given = [*GIVEN, f"model.path={tiny}", f"results_dir={tmp_path / into}", *words]
        monkeypatch.setattr(sys, "argv", ["rna-bench", "run", *given])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code

    yield go
    signal.signal(signal.SIGPIPE, before)


@pytest.fixture
def at_step(monkeypatch):
    """Do something when the loss of a step is there, once; note the steps that are trained."""
    seen = []
    gradients = rna_bench.unlearning.trainer.gradients

    def arrange(number, action):
        def counted(run, step, targets):
            seen.append(step)
            made = gradients(run, step, targets)
            if seen.count(number) == 1 and step == number:
                action()
            return made

        monkeypatch.setattr(rna_bench.unlearning.trainer, "gradients", counted)
        return seen

    return arrange


def interrupt():
    raise KeyboardInterrupt


def only(folder: Path) -> Path:
    (found,) = folder.glob(f"*/{RECORD}")
    return found.parent


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*/.partial/*/*"))


def same(one: Path, other: Path) -> None:
    first, second = (json.loads((folder / RECORD).read_text()) for folder in (one, other))
    del first["measured"], second["measured"]
    assert first == second
    assert (one / QUESTIONS).read_bytes() == (other / QUESTIONS).read_bytes()
    left, right = (load_file(folder / "delta.safetensors") for folder in (one, other))
    assert set(left) == set(right)
    assert all(torch.equal(left[name], tensor) for name, tensor in right.items())


@pytest.mark.parametrize("words", [[], ["model.dtype=bfloat16", "optimizer.master_weights=true"]])
def test_an_interrupted_training_goes_on_and_ends_with_the_same_record(run, tmp_path, at_step, capsys, words):
    capsys.readouterr()
    assert run(*words, into="whole") == 0
    seen = at_step(4, interrupt)
    assert run(*words, "checkpoint.steps=3") == 130
    assert left(tmp_path / "results") == ["training.safetensors"]
    assert run(*words) == 0  # how often the state is kept is not the run's
    assert seen == [0, 1, 2, 3, 4, 3, 4, 5]
    folder = only(tmp_path / "results")
    same(folder, only(tmp_path / "whole"))
    made = read(folder / RECORD)
    assert made.config["optimizer"].get("master_weights", False) is bool(words)
    assert {str(tensor.dtype) for tensor in load_file(folder / "delta.safetensors").values()} == {
        f"torch.{made.config['model']['dtype']}"
    }
    assert made.measured["steps_resumed"] == 3
    assert made.measured["checkpoint"]["seconds"] == 120
    assert read(only(tmp_path / "whole") / RECORD).measured["steps_resumed"] == 0
    assert left(tmp_path / "results") == []
    assert f"{folder}: training goes on after step 3" in capsys.readouterr().err


def test_a_short_training_keeps_no_state_and_the_time_that_keeping_takes_is_measured(run, tmp_path, at_step):
    at_step(4, interrupt)
    assert run() == 130
    assert left(tmp_path / "results") == []
    assert run("checkpoint.steps=1") == 0
    seconds = read(only(tmp_path / "results") / RECORD).measured["seconds"]
    assert list(seconds) == ["prepare", "unlearn", "score", "perplexity", "checkpoint"]
    assert seconds["checkpoint"] > 0


def test_sigterm_while_training_keeps_the_state_of_the_step_it_came_in(run, tmp_path, at_step, capsys):
    capsys.readouterr()
    assert run(into="whole") == 0
    seen = at_step(2, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert run() == 143
    assert left(tmp_path / "results") == ["training.safetensors"]
    assert "told to end; started again, training goes on after step 3" in capsys.readouterr().err
    assert run() == 0
    assert seen == [0, 1, 2, 3, 4, 5]
    same(only(tmp_path / "results"), only(tmp_path / "whole"))


def test_a_full_disk_along_the_way_changes_nothing_but_one_line(run, tmp_path, monkeypatch, capsys):
    assert run(into="whole") == 0
    keep = rna_bench.experiment.resume.files.keep

    def full(path, save, results_dir):
        if path.name == "training.safetensors":
            raise InputError("results_dir", results_dir, "cannot be written to (No space left on device)")
        keep(path, save, results_dir)

    monkeypatch.setattr(rna_bench.experiment.resume.files, "keep", full)
    assert run("checkpoint.steps=1") == 0
    same(only(tmp_path / "results"), only(tmp_path / "whole"))
    assert capsys.readouterr().err.count("No space left on device") == 1


def test_a_damaged_state_is_not_used(run, tmp_path, at_step):
    assert run(into="whole") == 0
    seen = at_step(4, interrupt)
    run("checkpoint.steps=3")
    (state,) = (tmp_path / "results").glob("*/.partial/*/training.safetensors")
    state.write_bytes(state.read_bytes()[:-20])
    assert run() == 0
    assert seen[5:] == [0, 1, 2, 3, 4, 5]
    same(only(tmp_path / "results"), only(tmp_path / "whole"))


def test_a_tracker_is_told_of_all_steps_in_order_after_an_interruption(run, tmp_path, at_step, monkeypatch):
    told = []
    silent = rna_bench.runs.tracking.NullTracker
    monkeypatch.setattr(silent, "log", lambda _, step, values: told.append((step, *values)))
    assert run(into="whole") == 0
    whole = told.copy()
    at_step(4, interrupt)
    run("checkpoint.steps=3")
    told.clear()
    run()
    assert told == whole
    assert [step for step, name, *_ in told if name.startswith("forget_loss/")] == list(range(6))
    assert [step for step, *_ in told] == sorted(step for step, *_ in told)


def killed(command: list[str], results: Path, delay: float) -> None:
    """Start the command and kill it, with all it started, so long after it has kept a state."""

    def kept() -> list[int]:
        return [path.stat().st_ino for path in results.glob("*/.partial/*/training.safetensors")]

    before = kept()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    while process.poll() is None and kept() in ([], before):
        time.sleep(0.002)
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_killed_while_training_again_and_again_a_run_ends_with_the_same_record(run, tiny, tmp_path):
    results, long = tmp_path / "results", ["train.steps=300", "train.lr=0.001", "scoring.every=25", "checkpoint.steps=1"]
    assert run(*long, into="whole") == 0
    given = [*GIVEN, *long, f"model.path={tiny}", f"results_dir={results}"]
    for delay in (0.0, 0.01, 0.03, 0.1, 0.2):
        killed([sys.executable, "-c", "from rna_bench.cli.main import main; main()", "run", *given], results, delay)
    assert run(*long) == 0
    assert read(only(results) / RECORD).measured["steps_resumed"] >= 5
    same(only(results), only(tmp_path / "whole"))
