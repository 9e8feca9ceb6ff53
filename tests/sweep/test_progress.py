import sys
import time

import pytest

from rna_bench.runs import failure, lock
from rna_bench.runs.record import RECORD
from rna_bench.sweep import progress
from rna_bench.sweep.plan import PlannedRun, SweepPlan
from rna_bench.sweep.progress import ProgressCounter, show_progress

TEN_SECONDS = '{"identity": "%s", "status": "finished", "reason": "", "provenance": {}, "measured": {"seconds": {"score": 10}}}'


@pytest.fixture
def plan(tmp_path) -> SweepPlan:
    """A plan of four runs, and a fifth that is impossible."""
    runs = [PlannedRun(name, (), name) for name in ("one", "two", "three", "four")]
    return SweepPlan("mine", tmp_path, "today", (), None, (*runs, PlannedRun("", (), "five", "gated")))


def finish(plan: SweepPlan, name: str) -> None:
    folder = plan.results_dir / name
    folder.mkdir(exist_ok=True)
    (folder / RECORD).write_text(TEN_SECONDS % name)


def test_runs_with_a_record_or_a_reason_of_failure_have_ended(plan):
    counter = ProgressCounter(plan)
    assert not counter.update()
    assert (counter.done, counter.total) == (0, 4)
    finish(plan, "one")
    failure.write(plan.results_dir / "two", "no such layer", None)
    (plan.results_dir / "three").mkdir()
    (plan.results_dir / "three" / RECORD).write_text('{"identity": ')  # damaged: it is made again
    assert counter.update()
    assert not counter.update()
    assert counter.done == 2


def test_the_time_left_is_the_mean_of_recorded_runs_by_how_many_run_at_once(plan):
    counter = ProgressCounter(plan)
    assert counter.time_left() == ""  # nothing is recorded yet
    finish(plan, "one")
    counter.update()
    assert counter.time_left() == "about 0:00:30 left"
    with lock.run_lock(plan.results_dir, "two"), lock.run_lock(plan.results_dir, "three"):
        assert counter.time_left() == "about 0:00:15 left"
    for name in ("two", "three", "four"):
        finish(plan, name)
    counter.update()
    assert counter.time_left() == ""


def test_without_a_terminal_there_is_a_line_when_runs_have_ended(plan, monkeypatch, capsys):
    monkeypatch.setattr(progress, "POLL", 0.01)
    finish(plan, "one")
    with show_progress(plan):
        assert capsys.readouterr().err == ""  # what was recorded before is no progress
        finish(plan, "two")
        lines = wait_for("2 of 4", capsys)
        finish(plan, "three")
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
        finish(plan, "one")
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
