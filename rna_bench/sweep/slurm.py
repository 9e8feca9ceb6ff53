"""What became of the jobs of a launch on Slurm whose launcher gave up waiting, or waits for what will not come.

Hydra's launcher waits for its jobs in order and leaves off at the first that has no result: one that was cancelled, say, or one
whose node failed, before Slurm has put it back into the queue. The others go on meanwhile, and the queue knows them.
For a task of an array that was cancelled while it waited it waits without an end, as Slurm forgets such a task at once; where the
cluster keeps no accounts, for any job that was cancelled.
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

Ends = TypeVar("Ends")

SUBMITTED, RESULT, PRINTED = "_submitted.pkl", "_0_result.pkl", "_0_log.err"
POLL = 15.0
"""Seconds between looks at the queue."""
FORGOTTEN = "it never began; of a task of an array that is cancelled while it waits Slurm keeps nothing"
UNKNOWN = "nothing is known of it any more"
ACCOUNT = ("--allocations", "--noheader", "--parsable2", "--format=State")


class LostError(Exception):
    """A launcher waits for jobs that have left the queue without a result."""


def attend(launch: Callable[[], Ends], folder: Path, count: int) -> Ends:
    """Return what a launch returns and raise what it raises; raise LostError when none of its jobs is left and one has no result.

    Two looks in a row must say so: a launcher that can tell by itself has until then. What was never seen in the queue was not
    submitted, or not to Slurm, and is left to the launcher.
    """
    end = _in_thread(launch)
    seen, gone = False, 0
    while not wait([end], timeout=POLL).done:
        jobs, queued = _last(folder, count), _queued()
        if queued is None:
            continue
        here = bool(queued & set(jobs))
        seen = seen or here
        gone = gone + 1 if seen and not here and not all(_has_result(folder, job) for job in jobs) else 0
        if gone == 2:
            raise LostError(f"no job of {folder} is in the queue any more, and not each has a result")
    return end.result()


def _in_thread(work: Callable[[], Ends]) -> Future[Ends]:
    """Start the work in a thread that keeps no process from ending, and return what will have its end."""
    end: Future[Ends] = Future()

    def go() -> None:
        try:
            end.set_result(work())
        except BaseException as error:  # whoever waits gets it, whatever it is
            end.set_exception(error)

    threading.Thread(target=go, daemon=True).start()
    return end


def outcomes(folder: Path, count: int) -> list[InputError | None] | None:
    """Wait until none of a launch's jobs is in the queue, and return for each how it ended, if without a result.

    `folder` is the launch's, in which submitit makes one a job. None: so many jobs were not submitted, or not to Slurm.
    """
    jobs = _last(folder, count)
    if not jobs or not shutil.which("squeue"):
        return None
    while (queued := _queued()) is None or queued & set(jobs):
        time.sleep(POLL)
    return [None if _has_result(folder, job) else _ended(folder, job) for job in jobs]


def _has_result(folder: Path, job: str) -> bool:
    return (folder / job / f"{job}{RESULT}").exists()


def _last(folder: Path, count: int) -> list[str]:
    """Return the jobs that were submitted last, in the order in which they were given: 7_0, 7_1, or 7 where there is one."""
    names = [path.name.removesuffix(SUBMITTED) for path in folder.glob(f"*/*{SUBMITTED}")]
    last = max((_numbers(name)[0] for name in names), default=0)
    jobs = sorted((name for name in names if _numbers(name)[0] == last), key=_numbers)
    return jobs if len(jobs) == count else []


def _numbers(job: str) -> tuple[int, ...]:
    return tuple(int(part) for part in job.split("_"))


def _queued() -> set[str] | None:
    """Return the user's jobs that are waiting or running, or None where the controller does not answer."""
    shown = _asked("squeue", "--me", "--array", "--noheader", "--format=%i")
    return None if shown is None else set(shown.split())


def _ended(folder: Path, job: str) -> InputError:
    """Return how a job ended: CANCELLED, OUT_OF_MEMORY."""
    printed = folder / job / f"{job}{PRINTED}"
    began = printed.exists()
    state = _state(job) or (UNKNOWN if began else FORGOTTEN)
    more = f"; what it printed is in {printed}" if began else ""
    return InputError("launcher", "slurm", f"job {job} ended without a result: {state}{more}")


def _state(job: str) -> str:
    """Return a job's state by the controller, which forgets it after minutes, or else by the accounts; "" where none knows it."""
    shown = re.search(r"JobState=(\w+)", _asked("scontrol", "show", "job", job) or "")
    return shown[1] if shown else (_asked("sacct", *ACCOUNT, f"--jobs={job}") or "").partition("\n")[0]


def _asked(*words: str) -> str | None:
    """Return what a command prints, or None where it fails or is not there."""
    if not shutil.which(words[0]):
        return None
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None
