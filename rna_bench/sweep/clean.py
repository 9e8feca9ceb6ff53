"""Freeing disk after a sweep: trained tensors, caches and logs go; records, answers and the reasons of failures stay."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from rna_bench.core.files import unwritable
from rna_bench.runs import lock
from rna_bench.runs.record import DELTA, RECORD
from rna_bench.sweep.plan import SweepPlan

PARTIAL = ".partial"
OFFLINE = "offline-run-*"


def clean(plan: SweepPlan) -> list[str]:
    """Free what the plan's runs left, but for runs that are running now, and return what was done in lines.

    W&B's files of offline runs stay until they are synced: they are the only copy of a run's history at the tracker.
    """
    freed, kept = 0, 0
    for run in plan.runs:
        folder = plan.results_dir / run.identity
        seen = lock.holding(plan.results_dir, run.identity) if run.identity else None
        if run.identity and not (seen and seen.alive):
            freed += sum(_remove(path) for path in _disposable(folder))
            kept += sum(1 for _ in _unsynced(folder))
    lines = [f"freed {freed / 1e6:.1f} MB of sweep {plan.name} in {plan.results_dir}"]
    if kept:
        lines.append(
            f"kept {kept} offline W&B runs that were not synced: `wandb sync {plan.results_dir}/*/wandb/offline-run-*` first"
        )
    return lines


def _disposable(folder: Path) -> Iterator[Path]:
    """Yield what can go of a run's folder; what an interrupted run goes on from stays until its record is there."""
    recorded = (folder / RECORD).exists()
    yield folder / DELTA
    yield from folder.glob(".*.[0-9]*")  # drafts that a killed process left
    if recorded:
        yield folder / PARTIAL
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
