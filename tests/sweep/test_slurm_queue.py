"""Waiting for the jobs of a launch, and reporting those without a result, with mock commands in place of Slurm's."""

import threading
from pathlib import Path

import pytest

from rna_bench.sweep import slurm


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A launch of two tasks, 7_0 with a result and 7_1 without; no command of Slurm knows any job."""
    for job in ("7_0", "7_1"):
        (tmp_path / "launch" / job).mkdir(parents=True)
        (tmp_path / "launch" / job / f"{job}_submitted.pkl").touch()
    (tmp_path / "launch" / "7_0" / "7_0_0_result.pkl").touch()
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(slurm, "POLL", 0.01)
    says(tmp_path, "squeue", "")
    says(tmp_path, "sacct", "")
    says(tmp_path, "scontrol", "exit 1")
    return tmp_path / "launch"


def says(bin_folder: Path, command: str, script: str) -> None:
    path = bin_folder / command
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def why(folder: Path) -> str:
    """Return the reason reported for the task without a result."""
    finished, failed = slurm.job_outcomes(folder, 2) or []
    assert finished is None
    return str(failed)


def test_a_job_is_as_the_controller_says(folder):
    says(folder.parent, "scontrol", "echo JobId=9 ArrayJobId=7; echo '   JobState=CANCELLED Reason=None'")
    assert "job 7_1 ended without a result: CANCELLED" in why(folder)


def test_a_job_that_the_controller_has_forgotten_is_as_the_accounts_say(folder):
    says(folder.parent, "sacct", "echo OUT_OF_MEMORY")
    (folder / "7_1" / "7_1_0_log.err").touch()
    assert "OUT_OF_MEMORY; its standard error is in" in why(folder)


def test_an_unknown_job_was_cancelled_while_it_was_pending_if_it_printed_nothing(folder):
    assert why(folder).endswith(slurm.FORGOTTEN)
    (folder / "7_1" / "7_1_0_log.err").touch()
    assert slurm.UNKNOWN in why(folder)


def test_jobs_of_another_launch_are_ignored(folder):
    assert slurm.job_outcomes(folder, 3) is None


def wait_forever() -> None:
    threading.Event().wait(20)
    raise AssertionError("waited forever")


def test_a_launcher_that_waits_for_a_job_that_is_gone_is_abandoned(folder):
    says(folder.parent, "squeue", f"[ -e {folder}/queried ] || echo 7_1; touch {folder}/queried")
    with pytest.raises(slurm.LostJobsError):
        slurm.wait_for_launch(wait_forever, folder, 2)


@pytest.mark.parametrize(
    "queue",
    ["echo 7_1", "echo 8", "exit 1"],
    ids=["its job waits", "it was never there", "no answer"],
)
def test_a_launcher_is_waited_for_otherwise(folder, queue):
    says(folder.parent, "squeue", queue)

    def launch() -> int:
        threading.Event().wait(0.5)  # dozens of queries
        return 3

    assert slurm.wait_for_launch(launch, folder, 2) == 3


def test_what_a_launcher_raises_is_raised(folder):
    def launch() -> None:
        raise KeyError(7)

    with pytest.raises(KeyError):
        slurm.wait_for_launch(launch, folder, 2)
