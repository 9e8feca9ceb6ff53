"""A study's journal on disk: one line an event, shared by processes, whole however they end."""

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


class Lock(JournalFileOpenLock):  # by type alone: the base of Optuna's locks is not public
    """A lock on a journal that ends with the process that holds it (`flock`), unlike Optuna's own, which are waited for then.

    A line that a killed process left half-written is cut off when the lock is taken: the next would be written behind it.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._lock = FileLock(journal.with_name(f"{journal.name}.lock"))

    def acquire(self) -> bool:
        """Take the lock; it may be taken again by who has it."""
        self._lock.acquire()
        mend(self._journal)
        return True

    def release(self) -> None:
        """Give the lock back, as often as it was taken."""
        self._lock.release()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock."""
        self.acquire()
        try:
            yield
        finally:
            self.release()


def storage(journal: Path, lock: Lock) -> JournalStorage:
    """Return what Optuna keeps studies in. A journal, not SQLite, whose locks many network file systems do not have."""
    return JournalStorage(JournalFileBackend(str(journal), lock_obj=lock))


def mend(journal: Path) -> None:
    """Cut off what stands after the last line break."""
    if not journal.exists() or not journal.stat().st_size:
        return
    with journal.open("rb+") as file:
        file.seek(-1, os.SEEK_END)
        if file.read() != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


@contextmanager
def launched(folder: Path) -> Iterator[str]:
    """Yield a name for this launch of a search, which `alive` tells others of while it lasts."""
    (folder / LAUNCHES).mkdir(parents=True, exist_ok=True)
    name = f"{node()}-{os.getpid()}-{time_ns()}"
    path = folder / LAUNCHES / name
    with FileLock(path):
        try:
            yield name
        finally:
            path.unlink(missing_ok=True)


def alive(folder: Path, name: str) -> bool:
    """Return whether that launch lasts. The operating system holds its lock for it, wherever it runs, and frees it at its end."""
    path = folder / LAUNCHES / name
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            path.unlink(missing_ok=True)
    except Timeout:
        return True
    return False
