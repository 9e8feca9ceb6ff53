"""Sweeps that are killed, started twice, or run out of disk: real processes, by hand with `pytest -m slow -s`."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rna_bench.runs.record import QUESTIONS, RECORD, read

COMMAND = [sys.executable, "-c", "from rna_bench.cli.main import main; main()"]
RUNS = 24
pytestmark = pytest.mark.slow


def start(folder: Path, *words: str, command: str = "sweep", name: str = "pocket_kill") -> subprocess.Popen[str]:
    """Start a sweep in a process group of its own."""
    log = (folder.parent / f"{folder.name}.log").open("a")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    given = [*COMMAND, command, name, f"results_dir={folder}", *words]
    return subprocess.Popen(given, stdout=log, stderr=log, text=True, start_new_session=True, env=environment, cwd=folder.parent)


def output(folder: Path) -> str:
    return (folder.parent / f"{folder.name}.log").read_text()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a sweep that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole") / "results"
    assert start(folder).wait() == 0
    return folder


def records(folder: Path) -> dict[str, dict]:
    by_name = {path.parent.name: json.loads(path.read_text()) for path in folder.glob(f"*/{RECORD}")}
    return {name: {**record, "measured": None} for name, record in by_name.items()}


def same(folder: Path, whole: Path) -> None:
    """Check that the folder holds each of the 24 records once, valid, equal to those of the whole sweep."""
    assert len(records(folder)) == RUNS
    assert records(folder) == records(whole)
    for name in records(whole):
        assert read(folder / name / RECORD).identity == name
        assert (folder / name / QUESTIONS).read_bytes() == (whole / name / QUESTIONS).read_bytes()
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == sorted(records(whole))
    assert not list(folder.rglob(f".{RECORD}*"))


def test_a_sweep_killed_at_20_random_moments_ends_with_each_record_as_if_it_had_not_been(whole, tmp_path):
    folder, draw = tmp_path / "results", random.Random(0)
    kills, counts = 0, []
    while kills < 20:
        process, began = start(folder), len(records(folder))
        while process.poll() is None and len(records(folder)) == began and not kills % 2:
            time.sleep(0.1)  # every other kill falls among records, not into the start
        time.sleep(draw.uniform(0, 8))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        counts.append(len(records(folder)))
        if counts[-1] == RUNS:  # it was done before the kills were: more of it
            for name in draw.sample(sorted(records(whole)), 12):
                shutil.rmtree(folder / name)
    print(f"records after each kill: {counts}")
    assert start(folder).wait() == 0
    same(folder, whole)


def test_two_launches_at_once_share_the_runs_and_do_none_twice(whole, tmp_path):
    folder = tmp_path / "results"
    both = [start(folder, "hydra.launcher.n_jobs=2") for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    same(folder, whole)
    text = output(folder)
    assert text.count(": finished") == RUNS  # a line that a run prints when its record is written
    print(f"left to the other launch: {text.count('left:')}, recorded already: {text.count('recorded already')}")


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk of its own is mounted, which root alone may")
def test_a_full_disk_gives_one_line_a_run_and_the_sweep_goes_on_when_there_is_room(whole, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", disk], check=True)
    try:
        folder = disk / "results"
        code = start(folder, "keep_delta=false").wait()
        first = output(folder)
        done = records(folder)
        print(f"exit {code}, {len(done)} records on the full disk")
        assert code == 1
        assert 0 < len(done) < RUNS
        assert "cannot be written to (No space left on device)" in first
        assert "Traceback" not in first
        subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
        assert start(folder, "keep_delta=false").wait() == 0
        assert {name: record for name, record in records(folder).items() if name in done} == done
        assert records(folder) == records(whole)
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="a disk of its own is mounted, which root alone may")
def test_a_folder_that_can_only_be_read_gives_one_line_and_its_records_stay(tmp_path):
    folder = tmp_path / "results"
    process = start(folder)
    while len(records(folder)) < 2:
        time.sleep(0.2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = records(folder)
    (tmp_path / "results.log").unlink()
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        assert start(folder).wait() == 1
        assert output(folder).startswith(f"error: results_dir={folder}: cannot be written to (Read-only file system)")
        assert output(folder).count("\n") == 1
        assert start(folder, command="status").wait() == 0
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
    assert records(folder) == before


def test_a_worker_that_is_killed_takes_no_run_with_it(whole, tmp_path):
    folder = tmp_path / "results"
    process = start(folder)
    while len(records(folder)) < 3:
        time.sleep(0.2)
    owners = [json.loads(path.read_text())["pid"] for path in (folder / ".locks").glob("*.json")]
    os.kill(owners[0], signal.SIGKILL)
    assert process.wait() == 0
    same(folder, whole)
    assert "the engine broke down" in output(folder)
