"""A study: which trials a search has run, how they came out, and which to run next, over any number of launches."""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from rna_bench.core import seeds
from rna_bench.core.types import InputError
from rna_bench.reporting.statistics.data_settings import flattened
from rna_bench.sweep.search.journal import JournalLock, is_alive, registered_launch, storage
from rna_bench.sweep.search.plan import SearchPlan

optuna.logging.set_verbosity(optuna.logging.WARNING)
JOURNAL = "study.journal"
NAME = "search"


class TrialClaim(NamedTuple):
    """A trial that this process is to run: its place in the search, from 0, and its values by name.

    `again` says why it is run again, if it is.
    """

    trial: Trial
    place: int
    values: dict[str, Any]
    again: str


class TrialOutcome(NamedTuple):
    """The outcome of a trial: its run, its objectives in their order, and why it is unfit for the front, if it is."""

    identity: str
    values: Sequence[float]
    unfit: str


class Study:
    """The study of a search, as one launch sees it.

    A *place* is a position in the search, with the values that are tried there. It has one of Optuna's trials for each attempt:
    one whose process died is marked as failed and tried again with the same values, and so is one that failed in an earlier
    launch. The values of a place are drawn by a sampler seeded by the place, from the outcomes of the places before it; with one
    process at a time they are therefore the same however often the search is interrupted.
    """

    def __init__(self, plan: SearchPlan, study: optuna.Study, lock: JournalLock, launch: str) -> None:
        self._plan, self._study, self._lock, self._launch = plan, study, lock, launch
        self._distributions = {name: dimension.distribution() for name, dimension in plan.space.items()}
        self._failed_before = {trial.number for trial in self.trials if trial.state is TrialState.FAIL}

    @property
    def trials(self) -> list[FrozenTrial]:
        """All of Optuna's trials, several of them for a place that was tried again."""
        return self._study.get_trials(deepcopy=False)

    def claim(self) -> TrialClaim | None:
        """Return the next trial, which belongs to this process from now on, or None if none is left."""
        with self._lock.hold():
            again = ""
            if not any(trial.state is TrialState.WAITING for trial in self.trials):  # left by a process killed right here
                chosen = self._retry() or self._new()
                if not chosen:
                    return None
                place, values, again = chosen
                self._study.enqueue_trial(values, {"place": place, "values": values, "launch": self._launch})
            trial = self._study.ask(self._distributions)
            trial.set_user_attr("launch", self._launch)
            return TrialClaim(trial, trial.user_attrs["place"], trial.params, again)

    def report(self, claim: TrialClaim, outcome: TrialOutcome) -> None:
        """Store the outcome of a trial. An unfit one guides the sampler, too, but is never on the front."""
        claim.trial.set_user_attr("identity", outcome.identity)
        claim.trial.set_user_attr("unfit", outcome.unfit)
        claim.trial.set_constraint("fit", float(bool(outcome.unfit)))
        self._study.tell(claim.trial, list(outcome.values))

    def report_failure(self, claim: TrialClaim, identity: str, reason: str, *, final: bool) -> None:
        """Store that a trial failed, and why; one that is `final` would fail again, and is not tried again."""
        for key, value in {"identity": identity, "reason": reason, "final": final}.items():
            claim.trial.set_user_attr(key, value)
        self._study.tell(claim.trial, state=TrialState.FAIL)

    def _retry(self) -> tuple[int, dict[str, Any], str] | None:
        """Return the first place whose process died, or that failed in an earlier launch."""
        for place, trial in latest_trials(self.trials).items():
            launch, reason = trial.user_attrs["launch"], trial.user_attrs.get("reason", "")
            if trial.state is TrialState.RUNNING and not is_alive(self._plan.folder, launch):
                self._study.tell(trial.number, state=TrialState.FAIL)
                return place, trial.user_attrs["values"], f"its process ({launch}) died"
            unsettled = not reason or trial.number in self._failed_before
            if trial.state is TrialState.FAIL and unsettled and not trial.user_attrs.get("final"):
                return place, trial.user_attrs["values"], f"it failed before: {reason}" if reason else "its process died"
        return None

    def _new(self) -> tuple[int, dict[str, Any], str] | None:
        """Return the next place, with values drawn for it.

        They are drawn by TPE for several objectives (Ozaki et al. 2022, doi.org/10.1613/jair.1.13188), which suits few and costly
        trials with mixed types of value; NSGA-II needs generations of dozens. The sampler works on a copy in memory, so that the
        journal holds complete trials only.
        """
        place = len(latest_trials(self.trials))
        if place >= self._plan.search.trials:
            return None
        seed = seeds.random(self._plan.search.seed, "search", place).getrandbits(32)
        sampler = TPESampler(seed=seed, n_startup_trials=self._plan.search.startup)
        draft = optuna.create_study(directions=self._study.directions, sampler=sampler)
        draft.add_trials(self.trials)
        return place, draft.ask(self._distributions).params, ""

    def front(self) -> list[FrozenTrial]:
        """Return the Pareto-optimal trials, in the order of the first objective."""
        return sorted(self._study.best_trials, key=lambda trial: (*trial.values, trial.number))


def latest_trials(trials: Sequence[FrozenTrial]) -> dict[int, FrozenTrial]:
    """Return the last trial of each place, in the order of places."""
    by_place = {trial.user_attrs["place"]: trial for trial in trials}
    return dict(sorted(by_place.items()))


@contextmanager
def open_study(plan: SearchPlan) -> Iterator[Study]:
    """Yield the study of a search, created if there is none; if its settings have changed since, raise InputError."""
    folder = plan.folder
    with registered_launch(folder) as launch:
        lock = JournalLock(folder / JOURNAL)
        with lock.hold():
            study = _loaded(folder, lock) or _created(plan, lock)
            settings = study.user_attrs.get("settings") or _store_settings(study, plan)
        _compare(settings, plan)
        yield Study(plan, study, lock, launch)


def load_study(plan: SearchPlan) -> Study:
    """Return the study of a search so far, for reading only."""
    folder = plan.folder
    study = _loaded(folder, JournalLock(folder / JOURNAL)) if (folder / JOURNAL).exists() else None
    if not study or "settings" not in study.user_attrs:
        raise InputError("search", plan.name, f"was not begun in {folder}; leave --front out to begin it")
    _compare(study.user_attrs["settings"], plan)
    return Study(plan, study, JournalLock(folder / JOURNAL), "")


def _loaded(folder: Path, lock: JournalLock) -> optuna.Study | None:
    try:
        return optuna.load_study(study_name=NAME, storage=storage(folder / JOURNAL, lock), sampler=RandomSampler(0))
    except KeyError:
        return None
    except ValueError as error:
        remedy = f"is damaged ({' '.join(str(error).split())}); move it away: runs that are recorded are not run again"
        raise InputError("search", folder / JOURNAL, remedy) from error


def _created(plan: SearchPlan, lock: JournalLock) -> optuna.Study:
    up, down = optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE
    directions = [up if objective.maximised else down for objective in plan.objectives.values()]
    journal = storage(plan.folder / JOURNAL, lock)
    study = optuna.create_study(study_name=NAME, storage=journal, directions=directions, sampler=RandomSampler(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of set_metric_names
        study.set_metric_names(list(plan.objectives))
    return study


def _store_settings(study: optuna.Study, plan: SearchPlan) -> dict[str, Any]:
    study.set_user_attr("settings", plan.settings)
    return plan.settings


def _compare(stored: Mapping[str, Any], plan: SearchPlan) -> None:
    """Raise InputError if the study was begun with other settings; it names the first that differs."""
    then, now = (flattened(json.loads(json.dumps(each))) for each in (stored, plan.settings))
    for key in sorted({*then, *now}):
        if then.get(key) != now.get(key):
            before, value = (f"{each:g}" if isinstance(each, float) else each for each in (then.get(key), now.get(key)))
            remedy = f"this search was begun with {before}; give another search.folder, where what is recorded is not run again"
            raise InputError(key, value, remedy)
