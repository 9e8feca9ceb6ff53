"""A study's journal on disk: one line per event, shared by processes, and intact however they end."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from platform import node
from time import time_ns

from filelock import FileLock, Timeout
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

LAUNCHES = "launches"


class JournalLock(JournalFileOpenLock):  # by type alone: the base of Optuna's locks is not public
    """A lock on a journal that the operating system frees when its process ends (`flock`); Optuna's own would block forever.

    A partial line that a killed process left is cut off when the lock is taken, before another line is appended to it.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._lock = FileLock(journal.with_name(f"{journal.name}.lock"))

    def acquire(self) -> bool:
        """Take the lock; its holder may take it again."""
        self._lock.acquire()
        cut_partial_line(self._journal)
        return True

    def release(self) -> None:
        """Release the lock, as often as it was taken."""
        self._lock.release()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the lock inside a `with` block."""
        self.acquire()
        try:
            yield
        finally:
            self.release()


def storage(journal: Path, lock: JournalLock) -> JournalStorage:
    """Return Optuna's storage: a journal rather than SQLite, whose locks many network file systems lack."""
    return JournalStorage(JournalFileBackend(str(journal), lock_obj=lock))


def cut_partial_line(journal: Path) -> None:
    """Cut off what follows the last line break."""
    if not journal.exists() or not journal.stat().st_size:
        return
    with journal.open("rb+") as file:
        file.seek(-1, os.SEEK_END)
        if file.read() != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


@contextmanager
def registered_launch(folder: Path) -> Iterator[str]:
    """Yield a name for this launch of a search, which is alive by `is_alive` until the block ends."""
    (folder / LAUNCHES).mkdir(parents=True, exist_ok=True)
    name = f"{node()}-{os.getpid()}-{time_ns()}"
    path = folder / LAUNCHES / name
    with FileLock(path):
        try:
            yield name
        finally:
            path.unlink(missing_ok=True)


def is_alive(folder: Path, name: str) -> bool:
    """Return whether a launch is still running, on any host: it holds a file lock that the operating system frees when it ends."""
    path = folder / LAUNCHES / name
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            path.unlink(missing_ok=True)
    except Timeout:
        return True
    return False
