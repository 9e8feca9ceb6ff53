"""SIGTERM, which engines end a process with, is a way out like another: what is open is closed on it."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


def leave(number: int, frame: FrameType | None) -> None:
    """Leave the process by SystemExit: the action that `terminable` gives SIGTERM."""
    sys.exit(128 + number)


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise SystemExit, unless it has another action than the default one, an engine's, or in a thread."""
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
