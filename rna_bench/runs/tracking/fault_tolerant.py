"""A session whose tracker may fail: failures are warnings, and cost no run its record."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rna_bench.runs.tracking.protocol import Session, Values

log = logging.getLogger(__name__)


def call_tracker(tracker: str, call: Callable[[], Any]) -> Any:
    """Return what a call to the tracker returns, or None if it fails, with a warning."""
    try:
        return call()
    except Exception as error:  # whatever a tracker raises, the run goes on
        reason = " ".join(str(error).split()) or type(error).__name__
        log.warning("%s: %s; the run goes on, and its record has everything that the tracker lacks", tracker, reason)
        return None


@dataclass
class FaultTolerantSession:
    """A session that logs nothing more after its first failure; a failed artifact does not count."""

    session: Session
    tracker: str
    failed: bool = False

    @property
    def id(self) -> str | None:
        """The tracker's name for the run."""
        return self.session.id

    def log(self, step: int, values: Values) -> None:
        """Log a row."""
        self._call(lambda: self.session.log(step, values))

    def summarise(self, values: Mapping[str, float | str | None]) -> None:
        """Log the results of the run."""
        self._call(lambda: self.session.summarise(values))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Log a table."""
        self._call(lambda: self.session.table(name, columns, rows))

    def log_artifact(self, name: str, files: Sequence[Path]) -> None:
        """Upload files."""
        if not self.failed:
            call_tracker(self.tracker, lambda: self.session.log_artifact(name, files))

    def _call(self, call: Callable[[], None]) -> None:
        def succeeds() -> bool:
            call()
            return True

        self.failed = self.failed or not call_tracker(self.tracker, succeeds)
