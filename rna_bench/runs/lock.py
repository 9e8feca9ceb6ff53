"""A lock on a run: one process at a time, wherever it runs; what a dead process held is free."""

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
"""Seconds to try for: whoever asks who runs what takes the lock for a moment, too."""


@dataclass(frozen=True)
class Owner:
    """The process that runs something, and since when."""

    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        """Return it as it is shown."""
        return f"process {self.pid} on {self.host}, since {self.since}"


class BusyError(Exception):
    """Another process, which is alive, is at this run."""

    def __init__(self, identity: str, owner: Owner | None) -> None:
        super().__init__(f"{identity} is being run by {owner or 'another process'}")


@contextmanager
def held(results_dir: Path, identity: str) -> Iterator[Owner | None]:
    """Hold the lock of a run, and yield the owner that died with it, if one did; raise BusyError while another is alive.

    The operating system holds the lock for the process (`flock`), so that it ends with it, however it ends: no clock and no
    process number decides who is dead. On a network file system the server does so for all hosts. The owner is written beside
    the lock to be shown, and is still there when the owner died.
    """
    lock, shown = _paths(results_dir, identity)
    guard = FileLock(lock)
    try:
        _take(guard, lock.parent)
    except Timeout:
        raise BusyError(identity, _read(shown)) from None
    except OSError as error:
        raise unwritable(results_dir, error) from error
    try:
        before = _read(shown)
        owner = Owner(node(), os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"))
        keep(shown, lambda path: path.write_text(json.dumps(asdict(owner))), results_dir)
        yield before
        shown.unlink(missing_ok=True)
    except Exception:  # an end of its own, unlike a kill
        shown.unlink(missing_ok=True)
        raise
    finally:
        lock.unlink(missing_ok=True)  # while it is held: FileLock takes no lock on a file that has no name any more
        guard.release()
        with suppress(OSError):  # others have locks there
            lock.parent.rmdir()


def _take(guard: FileLock, folder: Path) -> None:
    """Take the lock, in a folder that whoever gives back the last lock removes."""
    for _ in range(20):
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            guard.acquire(timeout=PATIENCE, poll_interval=0.05)
            return
    raise OSError(errno.ENOENT, "its folder of locks is removed again and again", str(folder))


@dataclass(frozen=True)
class Holding:
    """Who took a run's lock last and did not give it back, and whether that process is alive."""

    owner: Owner
    alive: bool


def holding(results_dir: Path, identity: str) -> Holding | None:
    """Return who is at a run, or died at it; None where nobody did not give the lock back."""
    lock, shown = _paths(results_dir, identity)
    owner = _read(shown)
    if owner is None:
        return None
    try:
        with FileLock(lock, timeout=0):
            return Holding(owner, alive=False) if shown.exists() else None
    except FileNotFoundError:
        return None
    except Timeout:
        return Holding(owner, alive=True)
    except OSError:  # a folder that can only be read: nothing can be run in it either
        return Holding(owner, alive=False)


def forget(results_dir: Path, identity: str) -> None:
    """Forget an owner that died, as what it was at is dealt with; one that is alive stays."""
    lock, shown = _paths(results_dir, identity)
    with suppress(Timeout, FileNotFoundError), FileLock(lock, timeout=0):
        shown.unlink(missing_ok=True)


def _paths(results_dir: Path, identity: str) -> tuple[Path, Path]:
    return results_dir / LOCKS / f"{identity}.lock", results_dir / LOCKS / f"{identity}.json"


def _read(shown: Path) -> Owner | None:
    try:
        return Owner(**json.loads(shown.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        return Owner("an unknown host", 0, "an unknown time")
