"""A run that logs a short curve: in this process, or as `python tracked_run.py FOLDER IDENTITY [wait]` in another."""

import sys
import time
from pathlib import Path

from rna_bench.runs.tracking import Mode, RunInfo, Tracker, Wandb

CONFIG = {"seed": 3, "noise": {"scale": 0.5}}
ONLINE = Wandb(project="p", entity=None, group="a_sweep", mode=Mode.online, patience=30.0)
OFFLINE = Wandb(project="p", entity=None, group="a_sweep", mode=Mode.offline, patience=30.0)
CURVE = [(step, {"forget/bio": 1.0 / (step + 1), "retain/bio": None}) for step in range(8)]
ROWS = [{"_step": step, "step": step, **values} for step, values in CURVE]


class InterruptedRunError(Exception):
    pass


def about(identity: str) -> RunInfo:
    return RunInfo(identity, f"rmu seed 3 {identity}", "rmu noise 1 rms", "unlearn", ("pocket", "rmu"), CONFIG)


def log_curve(tracker: Tracker, folder: Path, identity: str = "abc", steps: int | None = None) -> None:
    """Log the whole curve, or be interrupted after some steps."""
    with tracker.session(folder, about(identity)) as session:
        for step, values in CURVE[:steps]:
            session.log(step, values)
        if steps is not None:
            raise InterruptedRunError
        session.summarise({"status": "finished", "mmlu/clean": 0.5})


def wait(tracker: Tracker, folder: Path, identity: str) -> None:
    """Log half the curve, make a file, and wait for a signal."""
    with tracker.session(folder, about(identity)) as session:
        for step, values in CURVE[:4]:
            session.log(step, values)
        (folder / "waiting").touch()
        time.sleep(60)


if __name__ == "__main__":
    (wait if sys.argv[3:] else log_curve)(OFFLINE, Path(sys.argv[1]), sys.argv[2])
