"""What a run tells, and what a tracker is."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Values = Mapping[str, float | None]


@dataclass(frozen=True)
class About:
    """What is known of a run before it begins. `config` is plain nested dictionaries; `name` is for people, and is unique."""

    identity: str
    name: str
    job_type: str
    tags: tuple[str, ...]
    config: Mapping[str, Any]


class Session(Protocol):
    """One run at the tracker. `id` is what the tracker calls it, None where there is no tracker.

    Every session of a run is told all of it from the beginning, and in the same order: one that goes on where another was
    interrupted drops the first rows, which the tracker has.
    """

    @property
    def id(self) -> str | None: ...
    def log(self, step: int, values: Values) -> None: ...
    def summarise(self, values: Mapping[str, float | str | None]) -> None: ...
    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None: ...
    def keep(self, name: str, files: Sequence[Path]) -> None: ...


class Tracker(Protocol):
    """Something that is told of runs; `where` says where to."""

    def where(self) -> str: ...
    def session(self, folder: Path, about: About) -> AbstractContextManager[Session]: ...
