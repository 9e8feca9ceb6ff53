"""What earlier sessions of a run left in its folder for `wandb sync`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path


def settle(folder: Path, run_id: str) -> int:
    """Return how many rows of a run `wandb sync` has sent from offline sessions that were interrupted; remove the other sessions.

    `wandb sync` adds all rows of a file to those that the run has, so that no row may be in two files. A session that was not
    sent is told again from its beginning. It goes, as wandb 0.31 sends nothing at all when one file of several has no run in
    it, and leaves off the files behind one whose end is cut: both are what a killed process leaves.
    """
    sent = 0
    for session in sorted(folder.glob(f"wandb/offline-run-*-{run_id}")):
        log = session / f"run-{run_id}.wandb"
        done = log.with_suffix(".wandb.synced")
        if done.exists() or log.with_suffix(".wandb.syncstate").exists():
            done.touch()  # of a file whose end is cut, what could be read was sent, and would be again
            sent = max(sent, _rows(log))
        else:
            shutil.rmtree(session, ignore_errors=True)
    return sent


def _rows(log: Path) -> int:
    """Return the number after that of the last row in a session's file, of what can be read there."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(log)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    records = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    return max((int(record["history"]["step"]["num"]) + 1 for record in records if record["type"] == "history"), default=0)
