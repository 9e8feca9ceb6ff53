"""Waiting for a launch on Slurm, and how its jobs without a result ended.

Hydra's launcher waits for its jobs in order and raises at the first that has no result, for instance one that was cancelled, or
one whose node failed and that Slurm has not yet requeued. The other jobs go on meanwhile; the queue lists them.
The launcher waits forever for a task of an array that was cancelled while it was pending, because Slurm forgets such a task at
once; on a cluster without accounting, it does so for any cancelled job.
"""

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TypeVar

from rna_bench.core.types import InputError

Result = TypeVar("Result")

SUBMITTED, RESULT, STDERR = "_submitted.pkl", "_0_result.pkl", "_0_log.err"
POLL = 15.0
"""Seconds between two queries of the queue."""
FORGOTTEN = "it never began; Slurm keeps nothing about a task of an array that is cancelled while it is pending"
UNKNOWN = "Slurm knows nothing of it any more"
ACCOUNT = ("--allocations", "--noheader", "--parsable2", "--format=State")


class LostJobsError(Exception):
    """A launcher waits for jobs that have left the queue without a result."""


def wait_for_launch(launch: Callable[[], Result], folder: Path, count: int) -> Result:
    """Return what a launch returns and raise what it raises; raise LostJobsError if its jobs have left the queue without results.

    Two queries in a row must agree, which leaves a launcher that notices by itself the time to do so. Jobs that were never in
    the queue were not submitted, or not to Slurm, and are left to the launcher.
    """
    result = _in_thread(launch)
    seen, gone = False, 0
    while not wait([result], timeout=POLL).done:
        jobs, queued = _last_jobs(folder, count), _queued()
        if queued is None:
            continue
        present = bool(queued & set(jobs))
        seen = seen or present
        gone = gone + 1 if seen and not present and not all(_has_result(folder, job) for job in jobs) else 0
        if gone == 2:
            raise LostJobsError(f"no job of {folder} is in the queue any more, and some have no result")
    return result.result()


def _in_thread(work: Callable[[], Result]) -> Future[Result]:
    """Start the work in a daemon thread, and return the future of its result."""
    result: Future[Result] = Future()

    def target() -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # raised again in the thread that waits
            result.set_exception(error)

    threading.Thread(target=target, daemon=True).start()
    return result


def job_outcomes(folder: Path, count: int) -> list[InputError | None] | None:
    """Wait until a launch has no job in the queue, and return for each job the error it ended with, None if it has a result.

    `folder` is that of the launch, in which submitit makes one for each job. Returns None if `count` jobs were not submitted, or
    not to Slurm.
    """
    jobs = _last_jobs(folder, count)
    if not jobs or not shutil.which("squeue"):
        return None
    while (queued := _queued()) is None or queued & set(jobs):
        time.sleep(POLL)
    return [None if _has_result(folder, job) else _end_of(folder, job) for job in jobs]


def _has_result(folder: Path, job: str) -> bool:
    return (folder / job / f"{job}{RESULT}").exists()


def _last_jobs(folder: Path, count: int) -> list[str]:
    """Return the jobs submitted last, in the order in which they were given: 7_0, 7_1, or 7 if there is one."""
    names = [path.name.removesuffix(SUBMITTED) for path in folder.glob(f"*/*{SUBMITTED}")]
    last = max((_numbers(name)[0] for name in names), default=0)
    jobs = sorted((name for name in names if _numbers(name)[0] == last), key=_numbers)
    return jobs if len(jobs) == count else []


def _numbers(job: str) -> tuple[int, ...]:
    return tuple(int(part) for part in job.split("_"))


def _queued() -> set[str] | None:
    """Return the user's jobs that are pending or running, or None if the controller does not answer."""
    output = _output("squeue", "--me", "--array", "--noheader", "--format=%i")
    return None if output is None else set(output.split())


def _end_of(folder: Path, job: str) -> InputError:
    """Return how a job ended, for instance CANCELLED or OUT_OF_MEMORY."""
    stderr = folder / job / f"{job}{STDERR}"
    began = stderr.exists()
    state = _slurm_state(job) or (UNKNOWN if began else FORGOTTEN)
    more = f"; its standard error is in {stderr}" if began else ""
    return InputError("launcher", "slurm", f"job {job} ended without a result: {state}{more}")


def _slurm_state(job: str) -> str:
    """Return a job's state from the controller, which forgets it after minutes, or else from accounting; "" if neither knows it."""
    shown = re.search(r"JobState=(\w+)", _output("scontrol", "show", "job", job) or "")
    return shown[1] if shown else (_output("sacct", *ACCOUNT, f"--jobs={job}") or "").partition("\n")[0]


def _output(*command: str) -> str | None:
    """Return what a command prints, or None if it fails or is not installed."""
    if not shutil.which(command[0]):
        return None
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None
