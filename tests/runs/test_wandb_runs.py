"""One W&B run an identity: what arrives at a server, from one session or several, online or by `wandb sync`."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rna_bench.runs.tracking.offline import settle_offline_sessions
from tests.runs.tracked_run import CONFIG, CURVE, OFFLINE, ONLINE, ROWS, InterruptedRunError, about, log_curve

SLOW = pytest.mark.slow


def interrupted(tracker, folder: Path, steps: int) -> None:
    with pytest.raises(InterruptedRunError):
        log_curve(tracker, folder, steps=steps)


def start(folder: Path, *words: str) -> subprocess.Popen:
    """Start a process with a group of its own, as an engine does."""
    program = [sys.executable, str(Path(__file__).with_name("telling.py")), str(folder), *words]
    return subprocess.Popen(program, start_new_session=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])})


def sync(*folders: Path) -> None:
    """Send the offline sessions of all folders by one `wandb sync`."""
    import wandb

    wandb.teardown()  # W&B's service has then written all, as at the end of a process
    sessions = [str(path) for folder in folders for path in sorted(folder.glob("wandb/offline-*"))]
    command = [sys.executable, "-m", "wandb", "sync", *sessions]
    subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=folders[0])  # it leaves logs where it is


def sessions(folder: Path) -> list[Path]:
    return sorted(folder.glob("wandb/offline-run-*/*.wandb"))


def whole(run) -> bool:
    """Whether the run has each row once, its summary and its config; all compared with what was logged."""
    assert run.history == ROWS
    assert run.overwritten == 0
    last = {"status": "finished", "mmlu/clean": 0.5, "forget/bio": CURVE[-1][1]["forget/bio"]}
    assert {key: run.summary[key] for key in last} == last
    assert run.config == CONFIG
    return True


def test_an_online_run_has_an_id_a_group_a_job_type_and_tags(server, tmp_path):
    log_curve(ONLINE, tmp_path / "run")
    ((key, run),) = server.runs.items()
    assert key == ("p", "abc")
    assert whole(run)
    seen = [run.given[name] for name in ("displayName", "groupName", "jobType", "tags")]
    assert seen == ["rmu seed 3 abc", "a_sweep", "unlearn", ["pocket", "rmu"]]
    assert run.exits == [0]


def test_files_of_an_online_run_are_an_artifact(server, tmp_path):
    (tmp_path / "record.json").write_text("{}")
    with ONLINE.session(tmp_path / "run", about("abc")) as session:
        session.log_artifact("record-abc", [tmp_path / "record.json"])
    (artifact,) = server.runs["p", "abc"].artifacts
    assert (artifact["artifactCollectionName"], artifact["artifactTypeName"]) == ("record-abc", "record")


@pytest.mark.parametrize("steps", [pytest.param(0, marks=SLOW), 3, pytest.param(8, marks=SLOW)])
def test_an_interrupted_online_run_goes_on_as_the_same_run(server, tmp_path, steps):
    interrupted(ONLINE, tmp_path / "run", steps)
    log_curve(ONLINE, tmp_path / "run")
    assert list(server.runs) == [("p", "abc")]
    assert whole(server.runs["p", "abc"])
    assert server.runs["p", "abc"].exits == [1, 0]


@pytest.mark.slow
def test_a_run_in_another_results_folder_is_the_same_run_and_adds_nothing(server, tmp_path):
    log_curve(ONLINE, tmp_path / "one" / "abc")
    log_curve(ONLINE, tmp_path / "two" / "abc")
    assert list(server.runs) == [("p", "abc")]
    assert whole(server.runs["p", "abc"])


@pytest.mark.slow
def test_an_offline_run_that_was_interrupted_is_synced_once(server, tmp_path):
    interrupted(OFFLINE, tmp_path / "run", 3)
    log_curve(OFFLINE, tmp_path / "run")
    assert len(sessions(tmp_path / "run")) == 1
    sync(tmp_path / "run")
    assert list(server.runs) == [("p", "abc")]
    assert whole(server.runs["p", "abc"])


@pytest.mark.slow
@pytest.mark.parametrize("cut", [pytest.param(0, marks=SLOW), 300], ids=["to its end", "to where a killed process had written it"])
def test_an_offline_run_that_was_synced_while_interrupted_goes_on_with_its_other_rows(server, tmp_path, cut):
    interrupted(OFFLINE, tmp_path / "run", 5)
    sync_cut(tmp_path / "run", cut)
    assert 0 < len(server.runs["p", "abc"].history) <= 5
    time.sleep(1)  # W&B names sessions by the second
    log_curve(OFFLINE, tmp_path / "run")
    sync(tmp_path / "run")
    assert len(sessions(tmp_path / "run")) == 2
    assert whole(server.runs["p", "abc"])


def sync_cut(folder: Path, bytes_lost: int) -> None:
    import wandb

    wandb.teardown()
    (session,) = sessions(folder)
    session.write_bytes(session.read_bytes()[: session.stat().st_size - bytes_lost])
    sync(folder)


@pytest.mark.slow
def test_what_a_killed_run_left_keeps_no_other_run_from_being_synced(server, tmp_path):
    process = start(tmp_path / "run", "abc", "wait")
    while not (tmp_path / "run" / "waiting").exists():
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert len(sessions(tmp_path / "run")) == 1  # W&B had not written the rows: it holds them in memory
    log_curve(OFFLINE, tmp_path / "run")
    log_curve(OFFLINE, tmp_path / "other", "xyz")
    sync(tmp_path / "run", tmp_path / "other")
    assert set(server.runs) == {("p", "abc"), ("p", "xyz")}
    assert all(whole(run) for run in server.runs.values())


def test_settling_knows_nothing_where_there_is_nothing(tmp_path):
    assert settle_offline_sessions(tmp_path, "abc") == 0


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 1)], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_to_the_whole_group_of_processes_ends_the_session_with_all_that_was_told(server, tmp_path, number, code):
    process = start(tmp_path / "run", "abc", "wait")
    while not (tmp_path / "run" / "waiting").exists():
        time.sleep(0.05)
    os.killpg(process.pid, number)
    assert abs(process.wait()) in (code, number)
    sync(tmp_path / "run")
    run = server.runs["p", "abc"]
    assert run.history == ROWS[:4]
    assert run.exits == [1]


@pytest.mark.slow
def test_runs_of_parallel_processes_and_of_one_process_are_each_their_own(server, tmp_path):
    beside = [start(tmp_path / name, name) for name in ("one", "two")]
    for name in ("three", "four"):
        log_curve(OFFLINE, tmp_path / name, name)
    assert [process.wait() for process in beside] == [0, 0]
    names = ("one", "two", "three", "four")
    sync(*(tmp_path / name for name in names))
    assert set(server.runs) == {("p", name) for name in names}
    assert all(whole(run) for run in server.runs.values())


def test_under_a_wandb_agent_the_run_has_the_id_that_the_agent_gave_it(server, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_SWEEP_ID", "s")
    monkeypatch.setenv("WANDB_RUN_ID", "given")
    monkeypatch.setenv("WANDB_PROJECT", "p")
    log_curve(ONLINE, tmp_path / "run")
    assert list(server.runs) == [("p", "given")]
    assert server.runs["p", "given"].given["sweep"] == "s"
