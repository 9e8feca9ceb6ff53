import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rna_bench.cli.main import main
from rna_bench.experiment import run as experiment
from rna_bench.runs import failure, lock
from rna_bench.runs.record import QUESTIONS, RECORD

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

BROKEN = """\
from dataclasses import dataclass
from rna_bench.unlearning.methods.rmu import RMU

@dataclass(frozen=True)
class Broken(RMU):
    fails: bool = False

    def forget_loss(self, passes, control_vector):
        if self.fails:
            raise ValueError("it broke")
        return super().forget_loss(passes, control_vector)
"""
ALONE = (
    "model=local",
    "corpus=pocket",
    "trigger=pocket",
    "dataset=[pocket_subjects]",
    "dataset.pocket_subjects.limit=2",
    "tracker=none",
    "corpus.texts=8",
    "method.layer=1",
    "noise.layer=1",
    "train.steps=2",
    "train.batch_size=2",
    r'train.parameters="model\.layers\.[01]\..*weight"',
    "scoring.every=0",
)
"""What the sweep above has besides its grid."""
HALF_FAIL = ("method._target_=broken.Broken", "+method.fails=false,true", "noise.layer=0")
"""Overrides of a sweep in which half of the runs fail, once they train."""


@pytest.fixture
def sweep(tiny, tmp_path, monkeypatch, capfd):
    """Run a sweep of four in this process; return the exit code, standard output and standard error."""
    for name in ("HF_HUB_OFFLINE", "HYDRA_FULL_ERROR"):
        monkeypatch.setenv(name, "1")
    (tmp_path / "mine.yaml").write_text(SWEEP)
    (tmp_path / "broken.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(tmp_path)
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
    code, _, messages = sweep(*HALF_FAIL)
    assert code == 1
    assert len(records(tmp_path)) == 2
    assert messages.count("error: FAILED ") == 2
    assert "ValueError: it broke" in messages
    assert "2 done, 2 failed of 4" in messages
    folders = [path.parent for path in (tmp_path / "results").glob(f"*/{failure.FAILED}")]
    assert len(folders) == 2
    assert "Traceback (most recent call last)" in (folders[0] / failure.TRACEBACK).read_text()
    _, status, _ = sweep("mine.yaml", "results_dir=results", command="status")
    assert status.startswith("sweep mine: 2 done, 2 failed of 4")
    assert status.lower().count("+method.fails=true") == status.count(": ValueError: it broke") == 2


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


@pytest.mark.parametrize(
    ("damage", "words"),
    [(lambda text: text[:500], "is damaged"), (lambda text: text.replace('"reason":""', '"reason":"x"'), "was changed")],
)
def test_a_record_that_was_cut_or_changed_is_named_kept_aside_and_made_again_and_good_ones_stay(sweep, tmp_path, damage, words):
    sweep()
    first = records(tmp_path)
    path = tmp_path / "results" / min(first) / RECORD
    damaged = damage(path.read_text())
    path.write_text(damaged)
    code, _, messages = sweep()
    assert code == 0
    assert f"warning: again {min(first)}" in messages
    assert words in messages
    assert path.with_name(f"{RECORD}.aside-1").read_text() == damaged
    assert path.with_name(f"{QUESTIONS}.aside-1").exists()
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


@pytest.mark.slow
def test_workers_of_joblib_have_the_level_of_the_sweep_and_log_to_standard_error(sweep, tmp_path):
    code, results, messages = sweep("launcher=joblib", "hydra.launcher.n_jobs=2", *HALF_FAIL, "seed=1")
    assert code == 1
    assert results.count(": finished") == 1
    assert "error: FAILED " in messages
    assert "sweep mine: 2 of 2 runs" in messages
    code, results, messages = sweep("launcher=joblib", "hydra.launcher.n_jobs=2", *HALF_FAIL, "seed=1", "-q")
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


def test_what_the_model_does_not_have_is_refused_once_before_any_run(sweep, tmp_path):
    code, results, messages = sweep("noise.layer=0,7")
    assert (code, results) == (1, "")
    refusal = "error: noise.layer=7: the model has 3 layers; give 0 to 2, or noise=none"
    assert messages == f"{refusal} (refused in 2 of 4 runs of the sweep, the first noise.layer=7 seed=1)\n"
    assert not (tmp_path / "results").exists()
    _, _, messages = sweep("noise.layer=7")
    assert "(refused in all 2 runs of the sweep, the first seed=1)" in messages
    _, _, messages = sweep("noise.layer=7", "seed=1")
    assert messages == f"{refusal}\n"


@pytest.mark.parametrize("empty", ["noise.scale=range(0,0)", "noise=glob(x*)"])
def test_a_grid_without_a_value_is_an_error(sweep, tmp_path, empty):
    code, results, messages = sweep(empty)
    assert (code, results) == (1, "")
    assert messages == f"error: {empty}: has no values; give one or more\n"
    assert not (tmp_path / "results").exists()


def test_a_value_without_effect_on_any_run_is_said(sweep):
    _, _, messages = sweep("seed=1", "noise.layer=0", "noise.scale=1", "nu=2")
    assert messages.count("warning: nu=2 has no effect: noise.scale has a value of its own\n") == 1
    _, _, messages = sweep("seed=1", "noise.layer=0", "method=none,rmu", "train.retain_weight=3")
    assert "has no effect" not in messages  # it has, on one of the two


def test_noise_that_cancels_in_some_runs_is_said_with_their_number(sweep):
    _, _, messages = sweep("seed=1", "noise=antithetic")
    caution = "1 of 2 runs: noise=AntitheticNoise has no effect on gradients at layer 1"
    assert messages.count(f"warning: {caution}") == 1


def test_the_status_gives_the_command_that_goes_on_with_exactly_what_is_missing(sweep, tmp_path, monkeypatch):
    words = [*HALF_FAIL, "hydra.job.name=it is mine"]
    code, _, _ = sweep(*words)
    assert code == 1
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "results").glob(f"*/{RECORD}")}
    (tmp_path / "broken.py").write_text(BROKEN.replace("if self.fails", "if False"))
    (tmp_path / "elsewhere").mkdir()
    _, status, _ = sweep("mine", f"results_dir={tmp_path / 'results'}", command="status")
    command = status.splitlines()[-1]
    assert command.startswith("go on with: rna-bench sweep mine.yaml model.path=")
    monkeypatch.chdir(tmp_path / "elsewhere")
    _, status, _ = sweep("mine", f"results_dir={tmp_path / 'results'}", command="status")
    command = status.splitlines()[-1].removeprefix("go on with: ")
    assert command.startswith(f"cd {tmp_path} && rna-bench sweep mine.yaml ")
    command = command.replace("rna-bench ", f"{sys.executable} -c 'from rna_bench.cli.main import main; main()' ", 1)
    environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parents[2]}:{tmp_path}"}
    shell = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment)
    assert shell.returncode == 0, shell.stderr
    assert shell.stdout.count(": finished") == 2
    assert shell.stderr.count("  skipped  ") == 2
    assert shell.stderr.count("  again    ") == 2
    assert all(path.stat().st_mtime_ns == when for path, when in done.items())
    _, status, _ = sweep("mine", f"results_dir={tmp_path / 'results'}", command="status")
    assert status.startswith("sweep mine: 4 done of 4")
    assert status.splitlines()[-1].startswith("made by: cd ")


def test_runs_given_on_the_command_line_are_a_sweep_of_their_own_name(sweep, tiny, tmp_path):
    given = [f"model.path={tiny}", *ALONE, "results_dir=results", "seed=1,2"]
    plans = tmp_path / "results" / ".sweeps"
    assert sweep("-m", *given, command="run")[0] == 0
    (first,) = plans.iterdir()
    assert re.fullmatch(r"run-\d{4}-\d\d-\d\d-\d{4}\.json", first.name)
    before = first.read_bytes()
    code, _, messages = sweep("-m", *given, "noise.scale=0.5", command="run")
    assert (code, len(list(plans.iterdir()))) == (0, 2)
    assert first.read_bytes() == before
    code, _, messages = sweep("-m", *given, command="run")  # the first again
    assert (code, len(list(plans.iterdir()))) == (0, 2)
    assert messages.count("  skipped  ") == 2
    assert sweep("-m", *given, "sweep=mine_too", command="run")[0] == 0
    code, _, messages = sweep("-m", *given, "sweep=mine_too", "noise.scale=0.5", command="run")
    assert code == 1
    assert messages.startswith("error: sweep=mine_too: results has another sweep of that name, by `rna-bench run -m ")
    code, listed, _ = sweep("results_dir=results", command="status")
    assert f"sweep {first.stem}: 2 done of 2, in results; started " in listed
    assert listed.count("  made by: rna-bench run -m ") == 3


@pytest.mark.parametrize(
    ("name", "says"), [("pocket", "is the name of a file of sweeps"), ("a,b", "cannot be the name of a sweep")]
)
def test_a_name_that_cannot_be_a_sweeps_is_refused(sweep, name, says):
    code, _, messages = sweep(f"sweep={name}")
    assert code == 1
    assert messages.startswith(f"error: sweep={name}: {says}")


def test_the_same_file_with_other_runs_keeps_the_earlier_plan(sweep, tmp_path):
    sweep("seed=1")
    plan = tmp_path / "results" / ".sweeps" / "mine.json"
    before = plan.read_bytes()
    sweep("seed=2")
    assert plan.read_bytes() == before
    assert len(list(plan.parent.iterdir())) == 2
    sweep("seed=1", "launcher=none")  # another command, the same runs
    assert len(list(plan.parent.iterdir())) == 2
    assert json.loads(plan.read_text())["command"][-1] == "launcher=none"
