"""The progress of a sweep while it runs: how many runs are done and how much time is left, whatever processes run them."""

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from rna_bench.core.types import InputError
from rna_bench.runs.failure import FAILED
from rna_bench.runs.lock import LOCKS
from rna_bench.runs.record import RECORD, read_summary
from rna_bench.sweep.plan import PlannedRun, SweepPlan
from rna_bench.sweep.status import time_left

POLL = 1.0
"""Seconds between two checks of the results folder."""
FORMAT = "{desc}: {n_fmt} of {total_fmt} runs |{bar}| {elapsed}{postfix}"

log = logging.getLogger(__name__)


class ProgressCounter:
    """Counts the runs of a plan that are recorded or have failed, and keeps the seconds that recorded runs took."""

    def __init__(self, plan: SweepPlan) -> None:
        self._plan = plan
        self._open = [run for run in plan.runs if run.identity]
        self._seconds: list[float] = []
        self.total = len(self._open)

    @property
    def done(self) -> int:
        """The number of runs that have ended."""
        return self.total - len(self._open)

    def update(self) -> bool:
        """Check the results folder, and return whether another run has ended."""
        before = len(self._open)
        self._open = [run for run in self._open if not self._ended(run)]
        return len(self._open) < before

    def time_left(self) -> str:
        """Return how long the remaining runs take, by the mean of the recorded ones; "" if that is not known or none remains."""
        if not self._seconds or not self._open:
            return ""
        locks = self._plan.results_dir / LOCKS
        at_once = sum((locks / f"{run.identity}.json").exists() for run in self._open)
        return f"{time_left(self._seconds, len(self._open), at_once)} left"

    def _ended(self, run: PlannedRun) -> bool:
        folder = self._plan.results_dir / run.identity
        if (folder / RECORD).exists():
            try:
                summary = read_summary(folder)
            except InputError:  # a damaged record: the run is made again
                return False
            self._seconds += [summary.seconds] if summary else []
            return summary is not None
        return (folder / FAILED).exists()


@contextmanager
def show_progress(plan: SweepPlan) -> Iterator[None]:
    """Show a bar for the sweep below the messages, or a line when runs have ended where standard error is no terminal."""
    counter, stop = ProgressCounter(plan), threading.Event()
    counter.update()
    if counter.done == counter.total:
        yield
        return
    thread = threading.Thread(target=_watch, args=(plan.name, counter, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _watch(name: str, counter: ProgressCounter, stop: threading.Event) -> None:
    hidden = not sys.stderr.isatty() or not log.isEnabledFor(logging.INFO)
    with tqdm(total=counter.total, initial=counter.done, desc=name, bar_format=FORMAT, disable=hidden, leave=False) as bar:
        while True:
            last = stop.wait(POLL)
            if counter.update() and hidden:
                left = counter.time_left()
                log.info("sweep %s: %d of %d runs%s", name, counter.done, counter.total, f", {left}" if left else "")
            bar.n = counter.done
            bar.set_postfix_str(counter.time_left())
            if last:
                return
