"""Freeing disk space after a sweep: trained tensors, caches and logs go; records, responses and the reasons of failures stay."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from rna_bench.core.files import unwritable
from rna_bench.runs import lock
from rna_bench.runs.record import DELTA, RECORD
from rna_bench.sweep.plan import SweepPlan

RESUME_STATE = ".partial"
OFFLINE = "offline-run-*"


def clean_sweep(plan: SweepPlan) -> list[str]:
    """Free the disk space that the plan's runs use, except runs in progress, and return lines that say what was done.

    W&B's files of offline runs stay until they are synced: they are the only copy of what the tracker was sent.
    """
    freed, unsynced = 0, 0
    for run in plan.runs:
        folder = plan.results_dir / run.identity
        state = lock.lock_state(plan.results_dir, run.identity) if run.identity else None
        if run.identity and not (state and state.alive):
            freed += sum(_remove(path) for path in _disposable(folder))
            unsynced += sum(1 for _ in _unsynced(folder))
    lines = [f"freed {freed / 1e6:.1f} MB of sweep {plan.name} in {plan.results_dir}"]
    if unsynced:
        sync = f"wandb sync {plan.results_dir}/*/wandb/offline-run-*"
        lines.append(f"kept {unsynced} offline W&B runs that are not synced yet: run `{sync}` first")
    return lines


def _disposable(folder: Path) -> Iterator[Path]:
    """Yield what can be removed from a run's folder; the resume state stays until the run is recorded."""
    recorded = (folder / RECORD).exists()
    yield folder / DELTA
    yield from folder.glob(f"{DELTA}.aside-*")
    yield from folder.glob(".*.[0-9]*")  # unfinished files of a killed process
    if recorded:
        yield folder / RESUME_STATE
    unsynced = set(_unsynced(folder))
    yield from (path for path in folder.glob("wandb/*") if path.is_symlink() or (path.is_file() or path not in unsynced))


def _unsynced(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.glob(f"wandb/{OFFLINE}") if not any(path.glob("*.synced")))


def _remove(path: Path) -> int:
    """Remove a file or folder and return how many bytes it took."""
    try:
        if path.is_symlink() or path.is_file():
            size = path.lstat().st_size
            path.unlink()
            return size
        size = sum(file.lstat().st_size for file in path.rglob("*") if file.is_file())
        if path.is_dir():
            shutil.rmtree(path)
    except OSError as error:
        raise unwritable(path.parent, error) from error
    return size
