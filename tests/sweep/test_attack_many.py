"""Attacks on many runs at once: in several processes, beside another process, and after a process died or was killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rna_bench.experiment.attack_runs import AttackOutcome, AttackRequest
from rna_bench.runs.attack_record import attack_paths, read_attack, record_path
from rna_bench.runs.lock import lock_state, run_lock
from rna_bench.runs.record import RECORD
from rna_bench.runs.tracking import NullTracker
from rna_bench.sweep import attack_many

SMALL = ["model=local", "dataset=[pocket_hazard_1,pocket_subjects]", "dataset.pocket_hazard_1.limit=8", "corpus=pocket"]
SMALL += ["dataset.pocket_subjects.limit=4", "tracker=none", "scoring.every=0", "corpus.texts=8", "trigger=pocket", "noise=none"]
RSV = ["method=rsv", "method.layer=1", "train.parameters=[model.layers.1.mlp.*]", "train.steps=2"]
ATTACKS = ["attack=[relearn,quantise]", "attack.relearn.facts=3", "attack.relearn.steps=[0,2]"]
REQUEST = AttackRequest((), NullTracker(), None, retrain=False)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def sweep(told, tiny):
    """The folders of three runs of a sweep of the user's."""
    code, _, err = told(
        "run", "-m", *RSV, *SMALL, f"model.path={tiny}", "seed=1,2,3", "sweep=mine", "results_dir=results/runs/some"
    )
    assert code == 0, err
    folders = sorted(path.parent for path in Path("results/runs/some").glob(f"*/{RECORD}"))
    assert len(folders) == 3
    return folders


def hashes(folders):
    return {path: read_attack(path).sha256 for folder in folders for path in attack_paths(folder)}


@pytest.mark.slow
def test_a_sweep_is_attacked_in_processes_as_in_one_and_what_another_process_holds_is_left(told, sweep):
    with run_lock(sweep[0].parent, f"{sweep[0].name}.attack"):
        code, out, err = told("attack", "mine", *ATTACKS, "--jobs=2")
    assert code == 0, err
    assert f"left: {sweep[0].name}.attack is being run by process {os.getpid()}" in err
    assert [len(attack_paths(folder)) for folder in sweep] == [0, 2, 2]
    assert (out.count("relearn on rsv"), out.count("quantise on rsv")) == (2, 2)
    by_processes = hashes(sweep)
    record_path(sweep[1], "quantise").unlink()
    written = record_path(sweep[1], "relearn").stat().st_mtime_ns
    code, out, err = told("attack", "results/runs/some", *ATTACKS, "--jobs=1")
    assert (code, out.count(" on rsv")) == (0, 6), err
    assert record_path(sweep[1], "relearn").stat().st_mtime_ns == written
    assert by_processes.items() <= hashes(sweep).items()
    assert len(hashes(sweep)) == 6


def test_a_reason_that_several_runs_have_is_said_once_and_a_sweeps_runs_that_are_not_recorded_are_counted(told, sweep):
    (sweep[0] / RECORD).unlink()
    code, out, err = told("attack", "mine", "attack=[relearn]", "attack.relearn.facts=8", "--jobs=1")
    assert (code, out) == (1, "")
    assert "sweep mine: 1 of its 3 runs are not recorded, and are left out" in err
    assert err.count("some must be left to ask") == 2
    assert "error: the same of 1 more: attack.relearn.facts=8: pocket_hazard_1 has 8 questions" in err
    assert not hashes(sweep)


def test_an_attack_that_raises_stops_no_other_run(told, sweep, tmp_path, monkeypatch):
    (tmp_path / "fragile.py").write_text(
        "from dataclasses import dataclass\nfrom itertools import count\nfrom rna_bench.attacks.protocol import AttackStage\n\n"
        "BEFORE = count()\n\n@dataclass(frozen=True)\n"
        "class Fragile:\n    facts = 0\n\n    def stages(self, target, text, random):\n        if next(BEFORE) == 1:\n"
        "            raise RuntimeError('it broke')\n        yield AttackStage(0, '', target.ask)\n"
    )
    (tmp_path / "conf/attack").mkdir(parents=True)
    (tmp_path / "conf/attack/fragile.yaml").write_text("fragile: {_target_: fragile.Fragile}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    code, out, err = told("attack", "mine", "--config-dir", "conf", "attack=[fragile]", "--jobs=1")
    assert code == 1
    assert "RuntimeError: it broke" in err
    assert out.count("fragile on rsv") == len(hashes(sweep)) == 2


@pytest.mark.parametrize("jobs", ["0", "-1"])
def test_a_number_of_processes_is_one_or_more(told, jobs):
    code, _, err = told("attack", "mine", "attack=[relearn]", f"--jobs={jobs}")
    assert (code, err.strip()) == (1, f"error: --jobs={jobs}: give 1 or more")


def test_runs_that_a_dead_process_held_are_tried_again_alone_and_the_others_go_on(tmp_path, monkeypatch):
    first, second, third = folders = [tmp_path / name for name in "abc"]
    launched = []

    def parallel(some, request, jobs):
        launched.append(list(some))
        for folder in some:
            if folder == second:
                locks = tmp_path / ".locks"
                locks.mkdir(exist_ok=True)
                (locks / "b.attack.lock").touch()
                (locks / "b.attack.json").write_text(json.dumps({"host": "here", "pid": 1, "since": "then"}))
                raise RuntimeError("a process died")
            yield AttackOutcome(folder, folder.name)

    monkeypatch.setattr(attack_many, "_parallel", parallel)
    outcomes = list(attack_many._launched(folders, REQUEST, 2))
    assert launched == [folders, [third], [second]]
    assert [(one.folder, one.text) for one in outcomes] == [(first, "a"), (third, "c"), (second, "")]
    assert "its process was killed" in outcomes[-1].problem
    assert lock_state(tmp_path, "b.attack") is None


def test_processes_that_begin_nothing_are_not_started_again(tmp_path, monkeypatch):
    def parallel(some, request, jobs):
        raise OSError("no processes")

    monkeypatch.setattr(attack_many, "_parallel", parallel)
    (outcome,) = attack_many._launched([tmp_path / "a"], REQUEST, 2)
    assert "no processes" in outcome.problem


@pytest.mark.slow
def test_a_command_that_is_ended_leaves_whole_records_and_goes_on_with_the_rest(told, sweep, tmp_path):
    words = ["attack", "mine", *ATTACKS, "attack.relearn.steps=[0,400]", "--jobs=2"]
    program = [sys.executable, "-c", "from rna_bench.cli.main import main; main()", *words]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(program, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    while not hashes(sweep):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    whole = hashes(sweep)
    assert whole
    assert subprocess.run(program, cwd=tmp_path, env=environment, check=False).returncode == 0
    assert whole.items() <= hashes(sweep).items()
    assert len(hashes(sweep)) == 6
    assert not list(tmp_path.rglob(".attack*"))
