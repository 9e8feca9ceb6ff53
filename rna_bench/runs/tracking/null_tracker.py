"""No tracker."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rna_bench.runs.tracking.protocol import About, Session, Values


@dataclass(frozen=True)
class NullTracker:
    """A tracker, and a session, that drop what they are told."""

    id: str | None = None

    def where(self) -> str:
        """Return that it is nowhere."""
        return "none"

    @contextmanager
    def session(self, folder: Path, about: About) -> Iterator[Session]:
        """Yield a session that drops what it is told."""
        yield self

    def log(self, step: int, values: Values) -> None:
        """Drop it."""

    def summarise(self, values: Mapping[str, float | str | None]) -> None:
        """Drop it."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Drop it."""

    def keep(self, name: str, files: Sequence[Path]) -> None:
        """Drop it."""
