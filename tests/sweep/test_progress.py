import sys
import time
from dataclasses import replace

import pytest

from rna_bench.runs import failure, lock
from rna_bench.runs.record import RECORD, write
from rna_bench.sweep import progress
from rna_bench.sweep.plan import PlannedRun, SweepPlan
from rna_bench.sweep.progress import ProgressCounter, show_progress
from tests.builders.records import make_record

RUNS = {run.identity: replace(run, measured={"seconds": {"score": 10}}) for run in map(make_record, range(4))}
ONE, TWO, THREE, FOUR = RUNS


@pytest.fixture
def plan(tmp_path) -> SweepPlan:
    """A plan of four runs, and a fifth that is impossible."""
    runs = [PlannedRun(name, (), name) for name in RUNS]
    return SweepPlan("mine", tmp_path, "today", (), None, (*runs, PlannedRun("", (), "five", "gated")))


def finish(plan: SweepPlan, name: str) -> None:
    write(plan.results_dir / name, RUNS[name], [])


def test_runs_with_a_record_or_a_reason_of_failure_have_ended(plan):
    counter = ProgressCounter(plan)
    assert not counter.update()
    assert (counter.done, counter.total) == (0, 4)
    finish(plan, ONE)
    failure.write(plan.results_dir / TWO, "no such layer", None)
    (plan.results_dir / THREE).mkdir()
    (plan.results_dir / THREE / RECORD).write_text('{"identity": ')  # damaged: it is made again
    assert counter.update()
    assert not counter.update()
    assert counter.done == 2


def test_the_time_left_is_the_mean_of_recorded_runs_by_how_many_run_at_once(plan):
    counter = ProgressCounter(plan)
    assert counter.time_left() == ""  # nothing is recorded yet
    finish(plan, ONE)
    counter.update()
    assert counter.time_left() == "about 0:00:30 left"
    with lock.run_lock(plan.results_dir, TWO), lock.run_lock(plan.results_dir, THREE):
        assert counter.time_left() == "about 0:00:15 left"
    for name in (TWO, THREE, FOUR):
        finish(plan, name)
    counter.update()
    assert counter.time_left() == ""


def test_without_a_terminal_there_is_a_line_when_runs_have_ended(plan, monkeypatch, capsys):
    monkeypatch.setattr(progress, "POLL", 0.01)
    finish(plan, ONE)
    with show_progress(plan):
        assert capsys.readouterr().err == ""  # what was recorded before is no progress
        finish(plan, TWO)
        lines = wait_for("2 of 4", capsys)
        finish(plan, THREE)
    lines += capsys.readouterr().err
    assert lines == "sweep mine: 2 of 4 runs, about 0:00:20 left\nsweep mine: 3 of 4 runs, about 0:00:10 left\n"


def wait_for(text: str, capsys) -> str:
    lines = ""
    while text not in lines:
        time.sleep(0.01)
        lines += capsys.readouterr().err
    return lines


def test_on_a_terminal_there_is_one_bar(plan, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with show_progress(plan):
        finish(plan, ONE)
    drawn = capsys.readouterr().err
    assert "mine: 1 of 4 runs" in drawn
    assert "about 0:00:30 left" in drawn
    assert "\n" not in drawn


def test_a_sweep_with_nothing_to_do_shows_no_progress(plan, capsys):
    for run in plan.runs[:4]:
        finish(plan, run.identity)
    with show_progress(plan):
        pass
    assert capsys.readouterr() == ("", "")
