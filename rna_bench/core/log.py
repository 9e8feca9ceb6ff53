"""Messages of a run: the standard library's logging, as plain lines on standard error, with progress bars below them.

Modules log to `logging.getLogger(__name__)`. Standard output is for results alone.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, TextIO

from tqdm import tqdm

LEVEL = "RNA_BENCH_LOG_LEVEL"
"""The environment variable of the level: DEBUG, INFO, WARNING or ERROR. Processes that a command starts inherit it."""
BARS = "RNA_BENCH_BARS"
"""The environment variable that is 0 where progress bars are hidden: with `-q`, and in the worker processes of a sweep."""
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


def progress_bar(desc: str, unit: str, total: int | None = None) -> "tqdm[NoReturn]":
    """Return a progress bar on standard error; hidden where that is no terminal, in worker processes, and by `-q`."""
    return tqdm(total=total, desc=desc, unit=f" {unit}", disable=None if _bars() else True, leave=False)


def _bars() -> bool:
    return os.environ.get(BARS) != "0"
