"""Messages of a run: the standard library's logging, as plain lines on standard error, with progress bars below them.

Modules log to `logging.getLogger(__name__)`. Standard output is for results alone.
"""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import NoReturn, Self, TextIO

from tqdm import tqdm

LEVEL = "RNA_BENCH_LOG_LEVEL"
"""The environment variable of the level: DEBUG, INFO, WARNING or ERROR. Processes that a command starts inherit it."""
BARS = "RNA_BENCH_BARS"
"""The environment variable that is 0 where progress bars are hidden: with `-q`, and in the worker processes of a sweep."""
EVERY = 30.0
"""Seconds between two lines of progress where standard error is no terminal."""
LOGGER = logging.getLogger("rna_bench")


class PlainFormatter(logging.Formatter):
    """The message alone, after `warning: ` or `error: ` if it is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        prefix = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        return prefix + super().format(record)


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what is standard error at the moment, above any progress bars."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record as a line."""
        self.stream = sys.stderr
        with _above_bars(sys.stderr):
            super().emit(record)


def print_result(text: str) -> None:
    """Print a result to standard output, above any progress bars."""
    with _above_bars(sys.stdout):
        print(text, flush=True)


@contextmanager
def _above_bars(stream: TextIO) -> Iterator[None]:
    """Clear the bars of this process while something else is written; in a worker process, the line where the sweep's bar is."""
    with tqdm.external_write_mode(stream):
        if not _bars() and stream.isatty():
            stream.write("\r\033[K")
        yield


def set_up(level: str | None = None, *, bars: bool = True) -> None:
    """Show messages from `level` on, by default that of the environment or INFO; calling it again replaces the earlier setting."""
    name = (level or os.environ.get(LEVEL) or "INFO").upper()
    os.environ[LEVEL] = name if name in logging.getLevelNamesMapping() else "INFO"
    LOGGER.setLevel(os.environ[LEVEL])
    os.environ[BARS] = str(int(bars and LOGGER.isEnabledFor(logging.INFO)))
    handler = StderrHandler(sys.stderr)
    handler.setFormatter(PlainFormatter())
    LOGGER.handlers = [handler]
    LOGGER.propagate = False  # a library that configures the root logger would print each line twice


class ProgressLines:
    """Progress as messages, where standard error is no terminal: how much is done, and how much time is left, every so often."""

    def __init__(self, desc: str, unit: str, total: int | None = None) -> None:
        self._desc, self._unit, self._total = desc, unit, total
        self._done = 0
        self._begun = self._said = time.monotonic()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End without a message: whoever shows progress says what came of it."""

    def update(self, n: float | None = 1) -> None:
        """Count what is done, and say so if it is time."""
        self._done += int(n or 0)
        now = time.monotonic()
        if now - self._said < EVERY or (self._total is not None and self._done >= self._total):
            return
        self._said = now
        of = f" of {self._total}" if self._total is not None else ""
        left = round((now - self._begun) / max(1, self._done) * (self._total - self._done)) if self._total is not None else None
        LOGGER.info(
            "%s: %d%s %s%s", self._desc, self._done, of, self._unit, "" if left is None else f", {timedelta(seconds=left)} left"
        )

    def set_postfix(self, *_: object, **_values: object) -> None:
        """Leave out what a bar shows beside the progress; the tracker has it."""


def progress_bar(desc: str, unit: str, total: int | None = None) -> "tqdm[NoReturn] | ProgressLines":
    """Return a progress bar on standard error, or lines where that is no terminal; hidden in worker processes, and by `-q`."""
    if _bars() and not sys.stderr.isatty():
        return ProgressLines(desc, unit, total)
    return tqdm(total=total, desc=desc, unit=f" {unit}", disable=None if _bars() else True, leave=False)


def _bars() -> bool:
    return os.environ.get(BARS) != "0"
