"""What a run logs, and the protocol of trackers."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

Values = Mapping[str, float | None]


@dataclass(frozen=True)
class RunInfo:
    """What is known of a run before it begins. `config` is plain nested dictionaries; `name` is for people, and is unique.

    `group` is what it has in common with runs of other seeds: method and noise, as tables name them.
    """

    identity: str
    name: str
    group: str
    job_type: str
    tags: tuple[str, ...]
    config: Mapping[str, Any]


class Session(Protocol):
    """A run at the tracker. `id` is the tracker's name for it, None if there is no tracker.

    Each session of a run is given all of its rows from the beginning, in the same order: a session that continues an interrupted
    one drops the first rows, which the tracker has already.
    """

    @property
    def id(self) -> str | None: ...
    def log(self, step: int, values: Values) -> None: ...
    def summarise(self, values: Mapping[str, float | str | None]) -> None: ...
    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None: ...
    def log_artifact(self, name: str, files: Sequence[Path]) -> None: ...


class Tracker(Protocol):
    """A place that runs are logged to; `where` describes it."""

    def where(self) -> str: ...
    def session(self, folder: Path, info: RunInfo) -> AbstractContextManager[Session]: ...
