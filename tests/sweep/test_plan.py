import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from rna_bench.core.types import InputError
from rna_bench.runs import failure, lock
from rna_bench.runs.record import DELTA, RECORD
from rna_bench.sweep.clean import clean_sweep
from rna_bench.sweep.command import command_line
from rna_bench.sweep.plan import PlannedRun, RunPhase, SweepPlan, labels, load_plan, run_states, save_plan, stored_plans
from rna_bench.sweep.status import sweep_list, sweep_status

EARLIER = Path(__file__).parents[1] / "runs" / "earlier" / "pocket"
NAMES = sorted(path.name for path in EARLIER.iterdir() if (path / RECORD).exists())[:2]


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture
def plan(tmp_path):
    """A plan of six runs: one done, one diverged, one failed, one whose process died, one never started, one impossible."""
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / RECORD).write_bytes((EARLIER / name / RECORD).read_bytes())
    change(tmp_path / NAMES[1] / RECORD, status="diverged", reason="the loss of step 3 is not finite")
    failure.write(tmp_path / "failed", "no such layer", ValueError("x"))
    (tmp_path / lock.LOCKS).mkdir()
    (tmp_path / lock.LOCKS / "died.json").write_text('{"host": "elsewhere", "pid": 7, "since": "noon"}')
    names = [*NAMES, "failed", "died", "new", ""]
    runs = [PlannedRun(name, (f"seed={i}",), f"seed={i}", "" if name else "gated") for i, name in enumerate(names)]
    return SweepPlan("a", tmp_path, "today", ("sweep", "a"), None, tuple(runs), str(tmp_path))


def test_a_plan_is_read_as_it_was_stored_and_wherever_its_folder_lies_now(plan, tmp_path):
    save_plan(plan)
    assert load_plan(tmp_path, "a") == plan
    moved = tmp_path.with_name("moved")
    tmp_path.rename(moved)
    assert [one.phase for one in run_states(load_plan(moved, "a"))] == [one.phase for one in run_states(load_plan(moved, "a"))]
    assert run_states(load_plan(moved, "a"))[0].phase is RunPhase.done


def test_the_command_is_quoted_for_a_shell_and_names_where_it_was_given_and_where_its_results_are_now(plan, tmp_path, monkeypatch):
    given = replace(plan, command=("run", "-m", "noise.scale=0,1", "method=[a b]", "results_dir=."))
    save_plan(given)
    monkeypatch.chdir(tmp_path)
    assert command_line(load_plan(tmp_path, "a")) == "rna-bench run -m noise.scale=0,1 'method=[a b]' results_dir=."
    monkeypatch.chdir(tmp_path.parent)
    assert command_line(load_plan(tmp_path, "a")).startswith(f"cd {tmp_path} && rna-bench run -m ")
    moved = tmp_path.with_name(f"{tmp_path.name} moved")
    tmp_path.rename(moved)
    assert command_line(load_plan(moved, "a")).endswith(f" 'method=[a b]' 'results_dir={moved}'")


@pytest.mark.parametrize(
    ("name", "stored", "command"), [("a", ["sweep", "seed=1"], "sweep a seed=1"), ("run", ["sweep", "seed=1"], "run -m seed=1")]
)
def test_a_plan_of_an_earlier_version_gets_the_name_that_its_command_lacks(plan, tmp_path, name, stored, command):
    save_plan(replace(plan, name=name))
    path = tmp_path / ".sweeps" / f"{name}.json"
    values = {key: value for key, value in json.loads(path.read_text()).items() if key != "directory"}
    path.write_text(json.dumps(values | {"command": stored}))
    assert command_line(load_plan(tmp_path, name)) == f"rna-bench {command}"
    assert sweep_list(stored_plans(tmp_path)).endswith(f"\n  go on with: rna-bench {command}")


def test_a_sweep_that_was_not_started_and_a_damaged_plan_are_refused(plan, tmp_path):
    with pytest.raises(InputError, match=r"was not started in .*, which has none"):
        load_plan(tmp_path, "a")
    save_plan(plan)
    (tmp_path / ".sweeps" / "a.json").write_text('{"name": "a", "runs": [')
    with pytest.raises(InputError, match="cannot be read"):
        load_plan(tmp_path, "a")


def test_each_run_stands_as_its_files_say(plan):
    states = run_states(plan)
    expected = [RunPhase.done, RunPhase.diverged, RunPhase.failed, RunPhase.interrupted, RunPhase.pending, RunPhase.failed]
    assert [one.phase for one in states] == expected
    assert [one.why for one in states][1:] == [
        "the loss of step 3 is not finite",
        "no such layer",
        "process 7 on elsewhere, since noon, died",
        "",
        "gated",
    ]


@pytest.mark.parametrize(
    "damaged", [lambda text: text[:100], lambda text: "", lambda text: "[]", lambda text: text.replace(NAMES[0], "other")]
)
def test_a_record_that_is_cut_short_or_another_runs_counts_as_none(plan, tmp_path, damaged):
    path = tmp_path / NAMES[0] / RECORD
    path.write_text(damaged(path.read_text()))
    state = run_states(plan)[0]
    assert state.phase is RunPhase.pending
    assert "it is made again" in state.why


def test_the_status_counts_lists_reckons_and_warns(plan, tmp_path):
    text = sweep_status(plan)
    assert text.startswith(f"sweep a: 1 done, 1 diverged, 1 interrupted, 2 failed, 1 pending of 6, in {tmp_path}")
    assert "failed      failed            seed=2: no such layer" in text
    assert "warning: records of several" not in text
    for name, seconds in zip(NAMES, (10, 20), strict=True):
        path = tmp_path / name / RECORD
        change(path, measured=json.loads(path.read_text())["measured"] | {"seconds": {"all": seconds}})
    assert "time left: about 0:00:45 for 3 runs, one after the other" in sweep_status(plan)  # the mean, 15 s, for each
    code = json.loads((tmp_path / NAMES[0] / RECORD).read_text())["provenance"]
    change(tmp_path / NAMES[0] / RECORD, provenance=code | {"revision": "f" * 40})
    assert "warning: records of several code revisions" in sweep_status(plan)


def test_cleaning_frees_tensors_and_caches_and_keeps_records_answers_reasons_and_what_can_still_be_used(plan, tmp_path):
    done, failed = tmp_path / NAMES[0], tmp_path / "failed"
    for folder in (done, failed):
        (folder / DELTA).write_bytes(b"x" * 2_000_000)
        (folder / ".partial" / "code").mkdir(parents=True)
        (folder / ".partial" / "code" / "log.json").write_text("{}")
    (done / "questions.parquet").write_text("q")
    (done / f".{RECORD}.123").write_text("a draft")
    for name in ("offline-run-1-a", "offline-run-2-b", "run-3-c"):
        (done / "wandb" / name).mkdir(parents=True)
        (done / "wandb" / name / "run.wandb").write_text("w")
    (done / "wandb" / "offline-run-2-b" / "run.wandb.synced").write_text("")
    (done / "wandb" / "latest-run").symlink_to("run-3-c")
    freed, unsynced = clean_sweep(plan)
    assert "freed 4.0 MB of sweep a" in freed
    assert unsynced.startswith("kept 1 offline W&B runs")
    assert sorted(path.name for path in done.rglob("*") if path.is_file()) == ["questions.parquet", RECORD, "run.wandb"]
    assert (done / "wandb" / "offline-run-1-a" / "run.wandb").exists()
    assert (failed / ".partial" / "code" / "log.json").exists()  # a run that is not recorded goes on from there
    assert {failure.FAILED, failure.TRACEBACK} <= {path.name for path in failed.iterdir()}
    assert run_states(plan)[0].phase is RunPhase.done


def test_a_run_that_is_running_is_not_cleaned(plan, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / DELTA).write_text("x")
    with lock.run_lock(tmp_path, "new"):
        assert run_states(plan)[4].phase is RunPhase.running
        clean_sweep(plan)
        assert (tmp_path / "new" / DELTA).exists()
    clean_sweep(plan)
    assert not (tmp_path / "new" / DELTA).exists()


def test_labels_name_what_differs():
    label = labels([["a=1", "seed=1", "x=0"], ["a=2", "seed=1", "x=0"]])
    assert label(["a=2", "seed=1", "x=0"]) == "a=2"
    assert labels([["a=1", "seed=1"]])(["a=1", "seed=1"]) == "a=1 seed=1"


def test_files_from_another_time_are_read_as_any_others(plan, tmp_path):
    for path in tmp_path.rglob("*"):
        os.utime(path, (4e9, 4e9))  # the year 2096: the clock was wrong, or is now
    assert [one.phase for one in run_states(plan)][:4] == [RunPhase.done, RunPhase.diverged, RunPhase.failed, RunPhase.interrupted]
