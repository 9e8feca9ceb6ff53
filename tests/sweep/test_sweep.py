import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rna_bench.cli.main import main
from rna_bench.experiment import run as experiment
from rna_bench.runs import failure, lock
from rna_bench.runs.record import RECORD

SWEEP = """\
defaults:
  - run
  - override model: local
  - override dataset: [pocket_subjects]
  - override tracker: none
  - override corpus: pocket
  - override trigger: pocket
  - _self_
corpus:
  texts: 8
method:
  layer: 1
train:
  steps: 2
  batch_size: 2
  parameters: model\\.layers\\.[01]\\..*weight
scoring:
  every: 0
dataset:
  pocket_subjects:
    limit: 2
hydra:
  mode: MULTIRUN
  sweeper:
    params:
      noise.layer: 0,1
      seed: 1,2
"""


@pytest.fixture
def sweep(tiny, tmp_path, monkeypatch, capfd):
    """Run a sweep of four in this process; return the exit code, standard output and standard error."""
    for name in ("HF_HUB_OFFLINE", "HYDRA_FULL_ERROR"):
        monkeypatch.setenv(name, "1")
    (tmp_path / "mine.yaml").write_text(SWEEP)
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGPIPE)

    def go(*words: str, command: str = "sweep") -> tuple[int, str, str]:
        given = ["mine.yaml", f"model.path={tiny}", "results_dir=results", *words] if command == "sweep" else [*words]
        monkeypatch.setattr(sys, "argv", ["rna-bench", command, *given])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capfd.readouterr()

    yield go
    signal.signal(signal.SIGPIPE, before)


def records(tmp_path: Path) -> dict[str, dict]:
    return {path.parent.name: json.loads(path.read_text()) for path in (tmp_path / "results").glob(f"*/{RECORD}")}


def test_a_sweep_runs_each_combination_once_and_a_second_start_skips_each_in_a_line(sweep, tmp_path):
    code, results, messages = sweep()
    assert code == 0
    first = records(tmp_path)
    assert len(first) == 4
    assert results.count(": finished") == 4
    assert "sweep mine: 4 runs in results: 4 pending" in messages
    assert "sweep mine: 4 done of 4" in messages
    assert "warning: " not in messages
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "results").rglob("*.*") if path.is_file()}
    code, results, messages = sweep()
    assert (code, results) == (0, "")
    assert sorted(line.split()[1] for line in messages.splitlines() if line.startswith("  skipped  ")) == sorted(first)
    assert all(path.stat().st_mtime_ns == when for path, when in before.items() if path.name != "mine.json")
    assert not (tmp_path / "results" / lock.LOCKS).exists()


def test_runs_that_are_the_same_run_are_planned_once(sweep, tmp_path):
    code, _, messages = sweep("method=none")
    assert code == 0
    assert "sweep mine: 2 runs" in messages  # the base model has no noise layer: two seeds are left
    assert len(records(tmp_path)) == 2


def test_a_failed_run_is_reported_at_once_keeps_its_traceback_and_stops_no_other(sweep, tmp_path):
    code, _, messages = sweep("noise.layer=0,7")  # there is no layer 7
    assert code == 1
    assert len(records(tmp_path)) == 2
    assert messages.count("error: FAILED ") == 2
    assert "noise.layer=7: the model has 3 layers" in messages
    assert "2 done, 2 failed of 4" in messages
    folders = [path.parent for path in (tmp_path / "results").glob(f"*/{failure.FAILED}")]
    assert len(folders) == 2
    assert "Traceback (most recent call last)" in (folders[0] / failure.TRACEBACK).read_text()
    _, status, _ = sweep("mine.yaml", "results_dir=results", command="status")
    assert status.startswith("sweep mine: 2 done, 2 failed of 4")
    assert status.count(": noise.layer=7: the model has 3 layers") == 2


def test_what_failed_is_tried_again_and_its_traces_go_when_it_is_recorded(sweep, tmp_path, monkeypatch):
    whole = experiment._run

    def broken(plan, *given, **named):
        if plan.seed == 2:
            raise MemoryError("not enough")
        return whole(plan, *given, **named)

    monkeypatch.setattr(experiment, "_run", broken)
    code, _, messages = sweep()
    assert code == 1
    assert "MemoryError: not enough" in messages
    monkeypatch.setattr(experiment, "_run", whole)
    code, _, messages = sweep()
    assert code == 0
    assert messages.count("  again    ") == 2
    assert "failed before: MemoryError: not enough" in messages
    assert len(records(tmp_path)) == 4
    assert not list((tmp_path / "results").rglob(failure.FAILED))
    assert not list((tmp_path / "results").rglob(failure.TRACEBACK))


def test_a_truncated_record_is_named_and_made_again_and_good_ones_stay(sweep, tmp_path):
    sweep()
    first = records(tmp_path)
    path = tmp_path / "results" / min(first) / RECORD
    path.write_bytes(path.read_bytes()[:500])
    code, _, messages = sweep()
    assert code == 0
    assert f"warning: again {min(first)}" in messages
    assert "is damaged" in messages
    assert messages.count("  skipped  ") == 3
    again = records(tmp_path)
    assert again.keys() == first.keys()
    for name, one in first.items():
        assert {**one, "measured": 0} == {**again[name], "measured": 0}


def test_runs_of_another_process_are_left_to_it(sweep, tmp_path):
    sweep()
    name = min(records(tmp_path))
    (tmp_path / "results" / name / RECORD).unlink()
    code = f"""
from pathlib import Path
from rna_bench.runs.lock import run_lock
with run_lock(Path("results"), "{name}"):
    print(1, flush=True)
    input()
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    other.stdout.readline()
    code, _, messages = sweep()
    assert code == 0
    assert f"  left     {name}" in messages
    assert f"process {other.pid} on " in messages
    assert "3 done, 1 running of 4" in messages
    other.communicate("\n")
    assert sweep()[0] == 0
    assert len(records(tmp_path)) == 4


def test_a_sweep_over_results_dir_and_another_sweeper_are_refused(sweep):
    code, _, errors = sweep("results_dir=a,b")
    assert code == 1
    assert "results_dir" in errors


@pytest.mark.parametrize("command", ["status", "clean"])
def test_a_sweep_that_was_not_started_has_no_status(sweep, command):
    code, _, errors = sweep("mine.yaml", "results_dir=nowhere", command=command)
    assert code == 1
    assert "was not started in nowhere" in errors


@pytest.mark.parametrize("words", [["-q", "sweep", "mine.yaml"], ["sweep", "mine.yaml", "--quiet"]])
def test_a_quiet_sweep_prints_results_alone(sweep, tiny, monkeypatch, capfd, words):
    monkeypatch.setattr(sys, "argv", ["rna-bench", *words, f"model.path={tiny}", "results_dir=results", "seed=1"])
    with pytest.raises(SystemExit):
        main()
    results, messages = capfd.readouterr()
    assert results.count(": finished") == 2
    assert messages == ""


def test_workers_of_joblib_have_the_level_of_the_sweep_and_log_to_standard_error(sweep, tmp_path):
    code, results, messages = sweep("launcher=joblib", "hydra.launcher.n_jobs=2", "noise.layer=0,7", "seed=1")
    assert code == 1
    assert results.count(": finished") == 1
    assert "error: FAILED " in messages
    assert "sweep mine: 2 of 2 runs" in messages
    code, results, messages = sweep("launcher=joblib", "hydra.launcher.n_jobs=2", "noise.layer=0,7", "seed=1", "-q")
    assert (code, results) == (1, "")
    assert messages.count("\n") == messages.count("error: ") + messages.count("warning: ")


def test_old_keys_are_read_in_a_grid_and_on_the_command_line(sweep, tmp_path, monkeypatch):
    monkeypatch.setattr("rna_bench.core.renames.KEYS", {"train.accumulation": "train.micro_batches", "numbers": "seed"})
    text = (tmp_path / "mine.yaml").read_text().replace("      seed: 1,2", "      numbers: 1,2")
    (tmp_path / "mine.yaml").write_text(text)
    code, _, messages = sweep("train.accumulation=2", "noise.layer=0")
    assert code == 0
    assert messages.count("warning: train.accumulation is now called train.micro_batches\n") == 1
    assert messages.count("warning: numbers is now called seed\n") == 1
    configs = [record["config"] for record in records(tmp_path).values()]
    assert sorted((config["seed"], config["train"]["micro_batches"]) for config in configs) == [(1, 2), (2, 2)]
