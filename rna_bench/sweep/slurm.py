"""What became of the jobs of a launch on Slurm whose launcher gave up waiting.

Hydra's launcher waits for its jobs in order and leaves off at the first that has no result: one that was cancelled, say, or one
whose node failed, before Slurm has put it back into the queue. The others go on meanwhile, and the queue knows them.
"""

import re
import shutil
import subprocess
import time
from pathlib import Path

from rna_bench.core.types import InputError

SUBMITTED, RESULT, PRINTED = "_submitted.pkl", "_0_result.pkl", "_0_log.err"
POLL = 5.0
"""Seconds between looks at the queue."""
ACCOUNT = ("--allocations", "--noheader", "--parsable2", "--format=State")


def outcomes(folder: Path, count: int) -> list[InputError | None] | None:
    """Wait until none of a launch's jobs is in the queue, and return for each how it ended, if without a result.

    `folder` is the launch's, in which submitit makes one a job. None: so many jobs were not submitted, or not to Slurm.
    """
    jobs = _last(folder, count)
    if not jobs or not shutil.which("squeue"):
        return None
    while _queued() & set(jobs):
        time.sleep(POLL)
    return [None if (folder / job / f"{job}{RESULT}").exists() else _ended(folder, job) for job in jobs]


def _last(folder: Path, count: int) -> list[str]:
    """Return the jobs that were submitted last, in the order in which they were given: 7_0, 7_1, or 7 where there is one."""
    names = [path.name.removesuffix(SUBMITTED) for path in folder.glob(f"*/*{SUBMITTED}")]
    last = max((_numbers(name)[0] for name in names), default=0)
    jobs = sorted((name for name in names if _numbers(name)[0] == last), key=_numbers)
    return jobs if len(jobs) == count else []


def _numbers(job: str) -> tuple[int, ...]:
    return tuple(int(part) for part in job.split("_"))


def _queued() -> set[str]:
    """Return the user's jobs that are waiting or running; a controller that does not answer is asked until it does."""
    while True:
        asked = subprocess.run(
            ["squeue", "--me", "--array", "--noheader", "--format=%i"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0:
            return set(asked.stdout.split())
        time.sleep(POLL)


def _ended(folder: Path, job: str) -> InputError:
    """Return how a job ended: CANCELLED, OUT_OF_MEMORY."""
    printed = folder / job / f"{job}{PRINTED}"
    return InputError("launcher", "slurm", f"job {job} ended without a result: {_state(job)}; what it printed is in {printed}")


def _state(job: str) -> str:
    """Return a job's state by the controller, which forgets it after minutes, or else by the accounts.

    The accounts alone would not do: they have nothing of a task that was cancelled before it began.
    """
    shown = re.search(r"JobState=(\w+)", _asked("scontrol", "show", "job", job))
    return shown[1] if shown else _asked("sacct", *ACCOUNT, f"--jobs={job}").partition("\n")[0] or "nothing is known of it any more"


def _asked(*words: str) -> str:
    """Return what a command prints, nothing where it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
