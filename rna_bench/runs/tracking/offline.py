"""The files that earlier offline sessions of a run left for `wandb sync`."""

import json
import shutil
import subprocess
import sys
from pathlib import Path


def settle_offline_sessions(folder: Path, run_id: str) -> int:
    """Return how many rows of a run `wandb sync` has sent from interrupted offline sessions; remove the sessions it has not sent.

    `wandb sync` appends all rows of a file to the run, so no row may be in two files. A session that was not sent is logged again
    from the beginning, and its file is removed: wandb 0.31 sends nothing at all if one of several files has no run in it, and
    skips the files after a truncated one, and a killed process leaves both.
    """
    sent = 0
    for session in sorted(folder.glob(f"wandb/offline-run-*-{run_id}")):
        log = session / f"run-{run_id}.wandb"
        synced = log.with_suffix(".wandb.synced")
        if synced.exists() or log.with_suffix(".wandb.syncstate").exists():
            synced.touch()  # of a truncated file everything readable was sent, and would be sent again
            sent = max(sent, _rows(log))
        else:
            shutil.rmtree(session, ignore_errors=True)
    return sent


def _rows(log: Path) -> int:
    """Return the number of rows in a session's file, as far as it can be read."""
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(log)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    records = (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))
    return max((int(record["history"]["step"]["num"]) + 1 for record in records if record["type"] == "history"), default=0)
