"""A tracker's troubles are a warning in one line: they cost no run its record."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rna_bench.runs.tracking.protocol import Session, Values


def attempt(tracker: str, call: Callable[[], Any]) -> Any:
    """Return what a call of the tracker's returns, or None when it fails, which is said in one line."""
    try:
        return call()
    except Exception as error:  # whatever a tracker raises, the run is worth more
        said = " ".join(str(error).split()) or type(error).__name__
        print(f"{tracker}: {said}; the run goes on, and its record has all that the tracker lacks", flush=True)
        return None


@dataclass
class FaultTolerantSession:
    """A session that is told nothing more after its first failure, but for files, which fail by themselves."""

    session: Session
    tracker: str
    failed: bool = False

    @property
    def id(self) -> str | None:
        """What the tracker calls the run."""
        return self.session.id

    def log(self, step: int, values: Values) -> None:
        """Tell a row."""
        self._tell(lambda: self.session.log(step, values))

    def summarise(self, values: Mapping[str, float | str | None]) -> None:
        """Tell what the run came to."""
        self._tell(lambda: self.session.summarise(values))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Tell a table."""
        self._tell(lambda: self.session.table(name, columns, rows))

    def keep(self, name: str, files: Sequence[Path]) -> None:
        """Hand over files."""
        if not self.failed:
            attempt(self.tracker, lambda: self.session.keep(name, files))

    def _tell(self, call: Callable[[], None]) -> None:
        def told() -> bool:
            call()
            return True

        self.failed = self.failed or not attempt(self.tracker, told)
