"""When training saves its state, and how it ends on SIGTERM, which launchers send before they take a machine back."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from rna_bench.experiment.resume import ResumeState
from rna_bench.models.segments import Policy
from rna_bench.runs.signals import leave
from rna_bench.unlearning.checkpoint import CheckpointInterval
from rna_bench.unlearning.log import TrainingLog

LOG = logging.getLogger(__name__)
ENDED = 128 + signal.SIGTERM


class RunCheckpointer:
    """Saves the state of training when it is due, and when training is told to end; then it ends.

    `resumed` steps were done by an earlier process; saving took `seconds`. The clock is monotonic: changing the time has no effect.
    """

    def __init__(
        self,
        state: ResumeState,
        interval: CheckpointInterval,
        told_to_end: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state, self._interval, self._told_to_end, self._clock = state, interval, told_to_end, clock
        self._last, self._problem = clock(), ""
        self.seconds, self.resumed = 0.0, 0

    def restore(self, policy: Policy, optimizer: torch.optim.Optimizer) -> TrainingLog | None:
        """Put the saved state back and return its log, or None where there is none."""
        log = self._state.load_state(policy, optimizer)
        if log:
            self.resumed = len(log.losses)
            LOG.info("%s: training goes on after step %d", self._state.run, self.resumed)
        self._last = self._clock()
        return log

    def after_step(self, policy: Policy, optimizer: torch.optim.Optimizer, log: TrainingLog) -> None:
        """Save the state when it is due; raise SystemExit, with the state saved, when training is told to end."""
        ends = self._told_to_end()
        if ends or self._interval.due(self._clock() - self._last, len(log.losses)):
            self._save(policy, optimizer, log)
        if ends:
            LOG.info("%s: told to end; started again, training goes on after step %d", self._state.run, len(log.losses))
            raise SystemExit(ENDED)

    def _save(self, policy: Policy, optimizer: torch.optim.Optimizer, log: TrainingLog) -> None:
        began = self._clock()
        problem = self._state.save_state(policy, optimizer, log)
        if problem and not self._problem:  # logged once; the disk may have room again the next time
            LOG.warning(problem)
        self._problem = self._problem or problem
        self._last = self._clock()
        self.seconds += self._last - began


@contextmanager
def sigterm_noted() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether SIGTERM has come; it ends the process at the latest when the context is left.

    A second one ends it at once. Where it has an engine's action, neither the default one nor that of an open tracker, or in a
    thread, it is left alone.
    """
    come = threading.Event()

    before = signal.getsignal(signal.SIGTERM)

    def note(*_: object) -> None:
        signal.signal(signal.SIGTERM, before)
        come.set()

    ours = threading.current_thread() is threading.main_thread() and before in (signal.SIG_DFL, leave)
    if ours:
        signal.signal(signal.SIGTERM, note)
    try:
        yield come.is_set
    finally:
        if ours:
            signal.signal(signal.SIGTERM, before)
    if come.is_set():
        raise SystemExit(ENDED)
