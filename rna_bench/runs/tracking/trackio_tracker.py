"""Trackio: W&B's interface to a local database with its own page. The only module that imports trackio."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rna_bench.core.types import InputError
from rna_bench.runs.signals import terminable
from rna_bench.runs.tracking.fault_tolerant import FaultTolerantSession, call_tracker
from rna_bench.runs.tracking.null_tracker import NullTracker
from rna_bench.runs.tracking.protocol import RunInfo, Session, Values
from rna_bench.runs.tracking.rows import Rows


@dataclass(frozen=True)
class Trackio:
    """Trackio, on this machine. Each run is one of its runs, identified by name."""

    project: str
    group: str | None

    def __post_init__(self) -> None:
        if find_spec("trackio") is None:
            raise InputError("tracker", "trackio", "is not installed; say: pip install 'rna_bench[trackio]'")

    def where(self) -> str:
        """Return the project, and how to see it."""
        return f"trackio project {self.project}, on this machine; `trackio show --project {self.project}` opens its page"

    @contextmanager
    def session(self, folder: Path, info: RunInfo) -> Iterator[Session]:
        """Yield a session of the run of that name, new or continued; it is finished however the block ends."""
        with terminable():
            run = call_tracker("trackio", lambda: self._start(info))
            if run is None:
                yield NullTracker()
                return
            try:
                yield FaultTolerantSession(run, "trackio")
            finally:
                call_tracker("trackio", run.finish)

    def _start(self, info: RunInfo) -> "_TrackioSession":
        import trackio
        from trackio.sqlite_storage import SQLiteStorage

        config = {**info.config, "job_type": info.job_type, "tags": list(info.tags), "identity": info.identity}
        with redirect_stdout(io.StringIO()):  # it prints how to open its page, for each run
            run = trackio.init(
                project=self.project,
                name=info.name,
                group=self.group or info.group,
                config=config,
                resume="allow",
                embed=False,
                auto_log_cpu=False,
                auto_log_gpu=False,
            )
        return _TrackioSession(run, Rows(SQLiteStorage.get_log_count(self.project, run_id=run.id)))


@dataclass
class _TrackioSession:
    run: Any
    rows: Rows
    step: int = 0

    @property
    def id(self) -> str | None:
        return str(self.run.name)

    def log(self, step: int, values: Values) -> None:
        self.step = step
        if self.rows.new(values) is not None:
            self.run.log(dict(values), step=step)

    def summarise(self, values: Mapping[str, float | str | None]) -> None:
        """Log the values as a row at the last step: trackio has no summary."""
        if self.rows.new({}) is not None:
            self.run.log(dict(values), step=self.step)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        import pandas
        import trackio

        table = trackio.Table(dataframe=pandas.DataFrame(list(rows), columns=pandas.Index(columns)))
        if self.rows.new({}) is not None:
            self.run.log({name: table}, step=self.step)

    def log_artifact(self, name: str, files: Sequence[Path]) -> None:
        """Do nothing: the files are on this machine."""

    def finish(self) -> None:
        """Wait until everything is in the database."""
        from trackio import context_vars

        with redirect_stdout(io.StringIO()):
            self.run.finish()
        context_vars.current_run.set(None)
