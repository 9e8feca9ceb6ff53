"""When training keeps its state, and how it ends when it is told to: engines send SIGTERM before they take a machine back."""

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
from rna_bench.unlearning.trainer import TrainingLog

log = logging.getLogger(__name__)

ENDED = 128 + signal.SIGTERM


class Keeper:
    """Keeps the state of training when it is time, or when training is to end; then it ends.

    `resumed` steps were known already; `seconds` went into keeping. The clock is monotonic: changing the time has no effect.
    """

    def __init__(
        self, done: ResumeState, every: CheckpointInterval, ending: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._done, self._every, self._ending, self._clock = done, every, ending, clock
        self._last, self._problem = clock(), ""
        self.seconds, self.resumed = 0.0, 0

    def restore(self, policy: Policy, optimizer: torch.optim.Optimizer) -> TrainingLog | None:
        """Put back what is kept and return its history, or None where there is nothing."""
        history = self._done.state(policy, optimizer)
        if history:
            self.resumed = len(history.losses)
            log.info("%s: training goes on after step %d", self._done.run, self.resumed)
        self._last = self._clock()
        return history

    def after_step(self, policy: Policy, optimizer: torch.optim.Optimizer, history: TrainingLog) -> None:
        """Keep the state when it is time; raise SystemExit, with the state kept, when training is to end."""
        ending = self._ending()
        if ending or self._every.due(self._clock() - self._last, len(history.losses)):
            self._keep(policy, optimizer, history)
        if ending:
            steps = len(history.losses)
            log.warning("%s: told to end; started again, training goes on after step %d", self._done.run, steps)
            raise SystemExit(ENDED)

    def _keep(self, policy: Policy, optimizer: torch.optim.Optimizer, history: TrainingLog) -> None:
        began = self._clock()
        problem = self._done.keep_state(policy, optimizer, history)
        if problem and not self._problem:  # said once; the disk may have room again the next time
            log.warning(problem)
        self._problem = self._problem or problem
        self._last = self._clock()
        self.seconds += self._last - began


@contextmanager
def ending() -> Iterator[Callable[[], bool]]:
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
