"""`rna-bench attack`: recorded runs are attacked in several processes of this machine; what is recorded is not done again."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rna_bench.core import files, log
from rna_bench.core.log import print_result, progress_bar
from rna_bench.experiment.attack_runs import AttackOutcome, AttackRequest, attack_recorded, recorded_outcome
from rna_bench.experiment.attacking import attack_lock
from rna_bench.experiment.compose import one_line
from rna_bench.experiment.resolvers import workers
from rna_bench.runs import lock, record
from rna_bench.runs.collection import Recorded
from rna_bench.runs.lookup import runs_named
from rna_bench.runs.signals import terminable
from rna_bench.sweep.sweep import KILLED

LOG = logging.getLogger(__name__)


def attack_runs(names: Sequence[str], request: AttackRequest, jobs: int | None) -> bool:
    """Attack the named runs, `jobs` at once, and print their scores as they come; return whether none failed.

    A line says why a run could not be attacked, or that another process attacks it now, which is no failure.
    """
    record.provenance()  # before anything else can change
    runs, failures = runs_named(names), _Failures()
    with progress_bar("attacking", "runs", len(runs)) as bar, terminable():
        for outcome in _outcomes(runs, request, jobs):
            _report(outcome, failures)
            bar.update()
    failures.report()
    return not failures.count


class _Failures:
    """Counts the runs that could not be attacked, and reports each reason when it is first met."""

    def __init__(self) -> None:
        self.count = 0
        self._again: dict[str, int] = {}

    def add(self, problem: str) -> None:
        """Count a run, and log the reason unless an earlier run had the same."""
        self.count += 1
        if problem not in self._again:
            LOG.error("%s", problem)
        self._again[problem] = self._again.get(problem, -1) + 1

    def report(self) -> None:
        """Log how many further runs had the same reason."""
        for problem, further in self._again.items():
            if further:
                LOG.error("the same of %d more: %s", further, problem)


def _report(outcome: AttackOutcome, failures: _Failures) -> None:
    if outcome.problem:
        failures.add(outcome.problem)
    elif outcome.left:
        LOG.info("left: %s", outcome.left)
    else:
        print_result(outcome.text)


def _outcomes(runs: Sequence[Recorded], request: AttackRequest, jobs: int | None) -> Iterator[AttackOutcome]:
    """Yield what is recorded already, and then what becomes of the other runs, as each ends."""
    todo: list[Recorded] = []
    for run in runs:
        if outcome := recorded_outcome(run, request.attacks):
            yield outcome
        else:
            todo.append(run)
    if todo:
        for results_dir in {run.folder.parent for run in todo}:
            files.probe(results_dir)
        todo.sort(key=lambda run: run.record.fingerprints.get("model", ""))  # so that a process loads a model seldom
        yield from _launched([run.folder for run in todo], request, jobs or _at_once(todo))


def _at_once(runs: Sequence[Recorded]) -> int:
    """Return how many processes there are for runs: the cores by the threads of a run; one where a model is not on the CPU."""
    if any((run.record.config["model"] or {}).get("device", "cpu") != "cpu" for run in runs):
        return 1
    return min(len(runs), workers(max(int(run.record.config.get("threads") or 1) for run in runs)))


def _launched(folders: Sequence[Path], request: AttackRequest, jobs: int) -> Iterator[AttackOutcome]:
    """Attack the runs in folders. A process that dies takes the others with it: what they held is tried again at the end, alone."""
    left, alone = dict.fromkeys(folders), list[Path]()
    while left:
        try:
            for outcome in _parallel(list(left), request, jobs):
                del left[outcome.folder]
                yield outcome
        except Exception as error:  # as of joblib when one of its processes died
            held = [folder for folder in left if _died(folder)]
            if not held:  # nothing was begun: another launch would begin nothing either
                yield from (AttackOutcome(folder, problem=one_line(error)) for folder in left)
                return
            LOG.warning("the processes broke down (%s); going on with what is left", one_line(error))
            alone += held
            left = {folder: None for folder in left if folder not in held}
    for folder in alone:
        yield _alone(folder, request)


def _alone(folder: Path, request: AttackRequest) -> AttackOutcome:
    try:
        return next(_parallel([folder], request, 2))  # two, as one would be this process
    except Exception:
        lock.clear_dead_owner(*attack_lock(folder))
        return AttackOutcome(folder, problem=f"run={folder}: {KILLED}")


def _died(folder: Path) -> bool:
    state = lock.lock_state(*attack_lock(folder))
    return state is not None and not state.alive


def _parallel(folders: Sequence[Path], request: AttackRequest, jobs: int) -> Iterator[AttackOutcome]:
    """Yield what becomes of the runs as each ends; one job is this process."""
    from joblib import Parallel, delayed

    one: Callable[[Path], AttackOutcome] = partial(
        _job, request=request, place=Path.cwd(), parent=os.getpid(), level=os.environ.get(log.LEVEL, "INFO")
    )
    launch = Parallel(
        n_jobs=jobs,
        backend="loky",
        batch_size=1,  # pyright: ignore[reportArgumentType]  # declared by its default, "auto"
        pre_dispatch="n_jobs",
        return_as="generator_unordered",
    )
    outcomes: Any = launch(delayed(one)(folder) for folder in folders)  # a generator, which joblib does not declare
    yield from outcomes


def _job(folder: Path, request: AttackRequest, place: Path, parent: int, level: str) -> AttackOutcome:
    """Attack a run, in this process or another. Paths are relative to `place`; other processes than `parent` show no bars."""
    os.chdir(place)
    if os.getpid() != parent:
        log.set_up(level, bars=False)
    return attack_recorded(folder, request)
