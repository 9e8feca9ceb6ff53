import subprocess
import sys
import time
from pathlib import Path

import pytest

from rna_bench.runs import lock
from rna_bench.runs.lock import BusyError, lock_state, run_lock

HOLD = """
import sys, time
from pathlib import Path
from rna_bench.runs.lock import run_lock
with run_lock(Path(sys.argv[1]), "abc"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the lock of run abc."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_run_of_a_living_process_is_refused_with_its_owner(tmp_path, other):
    with pytest.raises(BusyError, match=f"abc is being run by process {other.pid} on "), run_lock(tmp_path, "abc"):
        raise AssertionError
    seen = lock_state(tmp_path, "abc")
    assert seen is not None
    assert seen.alive
    assert seen.owner.pid == other.pid


def test_a_run_whose_process_was_killed_is_taken_over_at_once(tmp_path, other, monkeypatch):
    other.kill()
    other.wait()
    seen = lock_state(tmp_path, "abc")
    assert seen is not None
    assert not seen.alive
    naps = []
    monkeypatch.setattr("filelock._api.time.sleep", naps.append)
    with run_lock(tmp_path, "abc") as before:
        assert before is not None
        assert before.pid == other.pid
        now = lock_state(tmp_path, "abc")
        assert now is not None
        assert now.alive
    assert naps == []
    assert lock_state(tmp_path, "abc") is None


def test_other_runs_are_not_held(tmp_path, other):
    with run_lock(tmp_path, "abd") as before:
        assert before is None


def test_an_error_releases_the_lock_as_a_normal_end_does(tmp_path):
    with pytest.raises(ValueError, match="x"), run_lock(tmp_path, "abc"):
        raise ValueError("x")
    assert lock_state(tmp_path, "abc") is None


def test_an_interruption_leaves_the_owners_name_and_frees_the_lock(tmp_path):
    with pytest.raises(KeyboardInterrupt), run_lock(tmp_path, "abc"):
        raise KeyboardInterrupt
    seen = lock_state(tmp_path, "abc")
    assert seen is not None
    assert not seen.alive
    lock.clear_dead_owner(tmp_path, "abc")
    assert lock_state(tmp_path, "abc") is None


def test_an_owner_that_is_alive_is_not_forgotten(tmp_path, other):
    lock.clear_dead_owner(tmp_path, "abc")
    seen = lock_state(tmp_path, "abc")
    assert seen is not None
    assert seen.alive


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_damaged_owner_does_not_keep_a_run_from_being_taken(tmp_path, text):
    (tmp_path / lock.LOCKS).mkdir()
    (tmp_path / lock.LOCKS / "abc.json").write_text(text)
    with run_lock(tmp_path, "abc") as before:
        assert before is not None
        assert before.host == "an unknown host"


def test_a_lock_held_for_a_moment_keeps_no_run_from_starting(tmp_path, monkeypatch):
    from filelock import FileLock

    (tmp_path / lock.LOCKS).mkdir()
    momentary = FileLock(Path(tmp_path / lock.LOCKS / "abc.lock"), is_singleton=False)
    momentary.acquire()
    sleep, naps = time.sleep, []

    def nap(seconds):
        naps.append(seconds)
        momentary.release()
        sleep(0)

    monkeypatch.setattr("filelock._api.time.sleep", nap)
    with run_lock(tmp_path, "abc"):
        assert naps
