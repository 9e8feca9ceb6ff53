"""SIGTERM, with which launchers end a process, as an ordinary exit, on which open sessions are closed."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


def leave(number: int, frame: FrameType | None) -> None:
    """Raise SystemExit: the handler that `terminable` installs for SIGTERM."""
    sys.exit(128 + number)


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise SystemExit inside the block, unless a launcher has installed a handler, or in a thread."""
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if ours:
        signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
