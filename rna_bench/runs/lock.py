"""A lock on each run: one process at a time may hold it, on any host; the lock of a dead process is free."""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from platform import node

from filelock import FileLock, Timeout

from rna_bench.core.files import keep, unwritable

LOCKS = ".locks"
PATIENCE = 1.0
"""Seconds to try for the lock: `lock_state` takes it for a moment, too."""


@dataclass(frozen=True)
class Owner:
    """The process that holds a lock, and since when."""

    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        """Return the owner as it is shown to users."""
        return f"process {self.pid} on {self.host}, since {self.since}"


class BusyError(Exception):
    """Another process is running this run."""

    def __init__(self, identity: str, owner: Owner | None) -> None:
        super().__init__(f"{identity} is being run by {owner or 'another process'}")


@contextmanager
def run_lock(results_dir: Path, identity: str) -> Iterator[Owner | None]:
    """Hold the lock of a run, and yield the owner that died while holding it, if any; raise BusyError if another holds it now.

    The operating system ties the lock to the process (`flock`) and frees it however the process ends, so that neither clocks nor
    process numbers decide who is dead. On a network file system the server does so for all hosts. The owner is written to a file
    beside the lock, to be shown to users; it stays there if the owner dies.
    """
    lock, owner_file = _paths(results_dir, identity)
    guard = FileLock(lock)
    try:
        _take(guard, lock.parent)
    except Timeout:
        raise BusyError(identity, _read(owner_file)) from None
    except OSError as error:
        raise unwritable(results_dir, error) from error
    try:
        before = _read(owner_file)
        owner = Owner(node(), os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"))
        keep(owner_file, lambda path: path.write_text(json.dumps(asdict(owner))), results_dir)
        yield before
        owner_file.unlink(missing_ok=True)
    except Exception:  # an ordinary end, unlike a kill
        owner_file.unlink(missing_ok=True)
        raise
    finally:
        lock.unlink(missing_ok=True)  # while it is held: FileLock does not lock a file that was unlinked
        guard.release()
        with suppress(OSError):  # other locks are in it
            lock.parent.rmdir()


def _take(guard: FileLock, folder: Path) -> None:
    """Take the lock, in a folder that the process that releases the last lock there removes."""
    for _ in range(20):
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            guard.acquire(timeout=PATIENCE, poll_interval=0.05)
            return
    raise OSError(errno.ENOENT, "its folder of locks keeps being removed", str(folder))


@dataclass(frozen=True)
class LockState:
    """The process that took a run's lock last and did not release it, and whether it is alive."""

    owner: Owner
    alive: bool


def lock_state(results_dir: Path, identity: str) -> LockState | None:
    """Return who is running a run or died while doing so; None if the lock was released or never taken."""
    lock, owner_file = _paths(results_dir, identity)
    owner = _read(owner_file)
    if owner is None:
        return None
    try:
        with FileLock(lock, timeout=0):
            return LockState(owner, alive=False) if owner_file.exists() else None
    except FileNotFoundError:
        return None
    except Timeout:
        return LockState(owner, alive=True)
    except OSError:  # a read-only folder: nothing is running in it
        return LockState(owner, alive=False)


def clear_dead_owner(results_dir: Path, identity: str) -> None:
    """Remove the owner of a run's lock if it is dead, because its run is dealt with; one that is alive stays."""
    lock, owner_file = _paths(results_dir, identity)
    with suppress(Timeout, FileNotFoundError), FileLock(lock, timeout=0):
        owner_file.unlink(missing_ok=True)


def _paths(results_dir: Path, identity: str) -> tuple[Path, Path]:
    return results_dir / LOCKS / f"{identity}.lock", results_dir / LOCKS / f"{identity}.json"


def _read(owner_file: Path) -> Owner | None:
    try:
        return Owner(**json.loads(owner_file.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        return Owner("an unknown host", 0, "an unknown time")
