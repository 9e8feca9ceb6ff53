"""Weights & Biases. Beside `offline`, the only place that knows wandb."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from rna_bench.runs.signals import terminable
from rna_bench.runs.tracking.fault_tolerant import FaultTolerantSession, attempt
from rna_bench.runs.tracking.null_tracker import NullTracker
from rna_bench.runs.tracking.offline import settle
from rna_bench.runs.tracking.protocol import About, Session, Values
from rna_bench.runs.tracking.rows import Rows

STEP = "step"
"""The x axis of curves: training steps. W&B's own step counts rows."""


class Mode(Enum):
    """`auto` is online when there is a key, and offline otherwise."""

    auto = "auto"
    online = "online"
    offline = "offline"


@dataclass(frozen=True)
class Wandb:
    """Weights & Biases. Never a prompt; when the network or the key fails, the run goes on offline."""

    project: str
    entity: str | None
    group: str | None
    mode: Mode
    patience: float

    def where(self) -> str:
        """Return the project, and whether runs reach it at once or wait in their folders."""
        mode = self._mode()
        key = "" if mode == "online" else ", kept in the run's folder; for online set WANDB_API_KEY or say `wandb login`"
        return f"W&B project {self.project}, {mode}{key}"

    @contextmanager
    def session(self, folder: Path, about: About) -> Iterator[Session]:
        """Yield a session whose files lie in the run's folder; it is finished on every way out.

        A run has one id, its identity, at any number of sessions. W&B's own sweeps alone give runs ids of theirs.
        """
        with terminable():
            run = attempt("wandb", lambda: self._start(folder, about))
            if run is None:
                yield NullTracker()
                return
            try:
                yield FaultTolerantSession(run, "wandb")
            except BaseException:
                attempt("wandb", lambda: run.run.finish(exit_code=1))
                raise
            attempt("wandb", run.run.finish)

    def _start(self, folder: Path, about: About) -> "_WandbSession":
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        name = os.environ.get("WANDB_RUN_ID", about.identity) if os.environ.get("WANDB_SWEEP_ID") else about.identity
        sent = settle(folder, name)

        def start(mode: str) -> _WandbSession:
            run = wandb.init(
                project=self.project,
                entity=self.entity,
                group=self.group or None,
                job_type=about.job_type,
                tags=about.tags,
                name=about.name,
                id=name,
                resume="allow" if mode == "online" else None,
                dir=folder,
                config=dict(about.config),
                mode=mode,  # pyright: ignore[reportArgumentType]  a Literal there, checked by Mode here
                reinit="create_new",
                settings=wandb.Settings(init_timeout=60, finish_timeout=self.patience, console="off", silent=True),
            )
            run.define_metric("*", step_metric=STEP)
            return _WandbSession(run, Rows(run.starting_step if mode == "online" else sent))

        if self._mode() != "online":
            return start(self._mode())
        try:
            return start("online")
        except wandb.Error as error:
            print(f"wandb: {' '.join(str(error).split())}; going on offline, `wandb sync {folder}/wandb/offline-*` uploads later")
            return start("offline")

    def _mode(self) -> str:
        if self.mode is not Mode.auto:
            return self.mode.value
        asked = os.environ.get("WANDB_MODE")
        return asked or ("online" if has_key() else "offline")


def has_key() -> bool:
    """Return whether a key is set, in the environment or by `wandb login`."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    from netrc import NetrcParseError, netrc

    import wandb

    host = str(wandb.Settings().base_url).split("//")[-1].strip("/")
    try:
        return netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, NetrcParseError):
        return False


@dataclass(frozen=True)
class _WandbSession:
    """Each row is told whole, and under the number that it has in every session of the run."""

    run: Any
    rows: Rows

    @property
    def id(self) -> str | None:
        return str(self.run.id)

    def log(self, step: int, values: Values) -> None:
        self._row({STEP: step, **values})

    def summarise(self, values: Mapping[str, float | str | None]) -> None:
        self.run.summary.update({**self.rows.latest, **values})

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        import wandb

        self._row({name: wandb.Table(columns=list(columns), data=[list(row) for row in rows])})

    def keep(self, name: str, files: Sequence[Path]) -> None:
        import wandb

        artifact = wandb.Artifact(name, type="record")
        for file in files:
            artifact.add_file(str(file))
        self.run.log_artifact(artifact)

    def _row(self, values: Mapping[str, Any]) -> None:
        number = self.rows.new(values)
        if number is not None:
            self.run.log(dict(values), step=number, commit=True)
