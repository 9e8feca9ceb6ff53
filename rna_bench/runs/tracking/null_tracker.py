"""No tracker: nothing is logged."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rna_bench.runs.tracking.protocol import RunInfo, Session, Values


@dataclass(frozen=True)
class NullTracker:
    """A tracker, and its session, that drop everything."""

    id: str | None = None

    def where(self) -> str:
        """Return that there is none."""
        return "none"

    @contextmanager
    def session(self, folder: Path, info: RunInfo) -> Iterator[Session]:
        """Yield a session that drops everything."""
        yield self

    def log(self, step: int, values: Values) -> None:
        """Do nothing."""

    def summarise(self, values: Mapping[str, float | str | None]) -> None:
        """Do nothing."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Do nothing."""

    def log_artifact(self, name: str, files: Sequence[Path]) -> None:
        """Do nothing."""
