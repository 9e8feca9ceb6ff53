"""Trackio: W&B's calls on a local database with a page of its own. The only place that knows trackio."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rna_bench.core.types import InputError
from rna_bench.runs.signals import terminable
from rna_bench.runs.tracking.fault_tolerant import FaultTolerantSession, attempt
from rna_bench.runs.tracking.null_tracker import NullTracker
from rna_bench.runs.tracking.protocol import About, Session, Values
from rna_bench.runs.tracking.rows import Rows


@dataclass(frozen=True)
class Trackio:
    """Trackio, on this machine. One of its runs a run, found by name."""

    project: str
    group: str | None

    def __post_init__(self) -> None:
        if find_spec("trackio") is None:
            raise InputError("tracker", "trackio", "is not installed; say: pip install 'rna_bench[trackio]'")

    def where(self) -> str:
        """Return the project, and how to see it."""
        return f"trackio project {self.project}, on this machine; `trackio show --project {self.project}` opens its page"

    @contextmanager
    def session(self, folder: Path, about: About) -> Iterator[Session]:
        """Yield a session of the run of that name, new or gone on with; it is finished on every way out."""
        with terminable():
            run = attempt("trackio", lambda: self._start(about))
            if run is None:
                yield NullTracker()
                return
            try:
                yield FaultTolerantSession(run, "trackio")
            finally:
                attempt("trackio", run.finish)

    def _start(self, about: About) -> "_TrackioSession":
        import trackio
        from trackio.sqlite_storage import SQLiteStorage

        config = {**about.config, "job_type": about.job_type, "tags": list(about.tags), "identity": about.identity}
        with redirect_stdout(io.StringIO()):  # it prints how to open the page, at each run
            run = trackio.init(
                project=self.project,
                name=about.name,
                group=self.group or None,
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
        """Tell it as a row at the last step: trackio has no summary."""
        if self.rows.new({}) is not None:
            self.run.log(dict(values), step=self.step)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        import pandas
        import trackio

        table = trackio.Table(dataframe=pandas.DataFrame(list(rows), columns=pandas.Index(columns)))
        if self.rows.new({}) is not None:
            self.run.log({name: table}, step=self.step)

    def keep(self, name: str, files: Sequence[Path]) -> None:
        """Leave them where they are."""

    def finish(self) -> None:
        """Wait until all is in the database."""
        from trackio import context_vars

        with redirect_stdout(io.StringIO()):
            self.run.finish()
        context_vars.current_run.set(None)
