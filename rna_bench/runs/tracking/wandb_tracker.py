"""Weights & Biases. Besides `offline`, the only module that uses wandb."""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from rna_bench.runs.signals import terminable
from rna_bench.runs.tracking.fault_tolerant import FaultTolerantSession, call_tracker
from rna_bench.runs.tracking.null_tracker import NullTracker
from rna_bench.runs.tracking.offline import settle_offline_sessions
from rna_bench.runs.tracking.protocol import RunInfo, Session, Values
from rna_bench.runs.tracking.rows import Rows

log = logging.getLogger(__name__)

STEP = "step"
"""The x axis of curves: training steps. W&B's built-in step counts rows."""


class Mode(Enum):
    """`auto` is online if there is a key, and offline otherwise."""

    auto = "auto"
    online = "online"
    offline = "offline"


@dataclass(frozen=True)
class Wandb:
    """Weights & Biases. It never prompts; if the network or the key fails, the run goes on offline."""

    project: str
    entity: str | None
    group: str | None
    mode: Mode
    patience: float

    def where(self) -> str:
        """Return the project, and whether runs are sent at once or wait in their folders."""
        mode = self._mode()
        key = "" if mode == "online" else ", kept in the run's folder; for online set WANDB_API_KEY or say `wandb login`"
        return f"W&B project {self.project}, {mode}{key}"

    @contextmanager
    def session(self, folder: Path, info: RunInfo) -> Iterator[Session]:
        """Yield a session with its files in the run's folder; it is finished however the block ends.

        A run has the same id, its identity, in all of its sessions, except in W&B's own sweeps, which give runs their ids.
        """
        with terminable():
            run = call_tracker("wandb", lambda: self._start(folder, info))
            if run is None:
                yield NullTracker()
                return
            try:
                yield FaultTolerantSession(run, "wandb")
            except BaseException:
                call_tracker("wandb", lambda: run.run.finish(exit_code=1))
                raise
            call_tracker("wandb", run.run.finish)
            if run.offline:
                _say_where(folder.parent)

    def _start(self, folder: Path, info: RunInfo) -> "_WandbSession":
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        name = os.environ.get("WANDB_RUN_ID", info.identity) if os.environ.get("WANDB_SWEEP_ID") else info.identity
        sent = settle_offline_sessions(folder, name)

        def start(mode: str) -> _WandbSession:
            run = wandb.init(
                project=self.project,
                entity=self.entity,
                group=self.group or info.group,
                job_type=info.job_type,
                tags=info.tags,
                name=info.name,
                id=name,
                resume="allow" if mode == "online" else None,
                dir=folder,
                config=dict(info.config),
                mode=mode,  # pyright: ignore[reportArgumentType]  a Literal there, checked by Mode here
                reinit="create_new",
                settings=wandb.Settings(init_timeout=60, finish_timeout=self.patience, console="off", silent=True),
            )
            run.define_metric("*", step_metric=STEP)
            return _WandbSession(run, Rows(run.starting_step if mode == "online" else sent), mode == "offline")

        if self._mode() != "online":
            return start(self._mode())
        try:
            return start("online")
        except wandb.Error as error:
            reason = " ".join(str(error).split())
            log.warning("wandb: %s; going on offline, `wandb sync %s/wandb/offline-*` uploads later", reason, folder)
            return start("offline")

    def _mode(self) -> str:
        if self.mode is not Mode.auto:
            return self.mode.value
        return os.environ.get("WANDB_MODE") or ("online" if has_key() else "offline")


@cache
def _say_where(results_dir: Path) -> None:
    """Log where offline runs lie and how they are sent, once for each folder of results."""
    log.info("W&B: offline runs lie in %s/*/wandb; `wandb sync %s/*/wandb/offline-*` sends them", results_dir, results_dir)


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
    """Each row is logged in one piece, under the number that it has in every session of the run."""

    run: Any
    rows: Rows
    offline: bool

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

    def log_artifact(self, name: str, files: Sequence[Path]) -> None:
        import wandb

        artifact = wandb.Artifact(name, type="record")
        for file in files:
            artifact.add_file(str(file))
        self.run.log_artifact(artifact)

    def _row(self, values: Mapping[str, Any]) -> None:
        number = self.rows.new(values)
        if number is not None:
            self.run.log(dict(values), step=number, commit=True)
