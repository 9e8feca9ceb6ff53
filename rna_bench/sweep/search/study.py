"""A study: which settings were tried and how they came out, and which to try next, over any number of launches."""

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
from rna_bench.reporting.statistics.frame import flattened
from rna_bench.sweep.search.journal import Lock, alive, launched, storage
from rna_bench.sweep.search.request import Request

optuna.logging.set_verbosity(optuna.logging.WARNING)
JOURNAL = "study.journal"
NAME = "search"


class Claim(NamedTuple):
    """A setting that this process is to try: its place in the search, from 0, and its values by name. `again` says why, if so."""

    trial: Trial
    place: int
    values: dict[str, Any]
    again: str


class Told(NamedTuple):
    """How a claim came out: the run, its objectives in their order, and whether it is unfit for the front."""

    identity: str
    values: Sequence[float]
    unfit: str


class Study:
    """The study of a search, as one launch of it sees it.

    A *place* is one of the settings to be tried. It has a trial of Optuna's for each time that it was tried: one whose process
    died is failed and tried again with the same values, one that failed in an earlier launch likewise. A place's values are
    drawn by a sampler of its own, seeded by the place, from how the places before it came out; so with one process at a time
    they are the same however often the search was interrupted.
    """

    def __init__(self, request: Request, study: optuna.Study, lock: Lock, launch: str) -> None:
        self._request, self._study, self._lock, self._launch = request, study, lock, launch
        self._distributions = {name: dimension.distribution() for name, dimension in request.space.items()}
        self._failed_before = {trial.number for trial in self.trials if trial.state is TrialState.FAIL}

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials of Optuna's, places tried again among them more than once."""
        return self._study.get_trials(deepcopy=False)

    def claim(self) -> Claim | None:
        """Return what to try next, which is this process's from now on; None where nothing is left."""
        with self._lock.held():
            again = ""
            if not any(trial.state is TrialState.WAITING for trial in self.trials):  # left by a process killed right here
                chosen = self._again() or self._fresh()
                if not chosen:
                    return None
                place, values, again = chosen
                self._study.enqueue_trial(values, {"place": place, "values": values, "launch": self._launch})
            trial = self._study.ask(self._distributions)
            trial.set_user_attr("launch", self._launch)
            return Claim(trial, trial.user_attrs["place"], trial.params, again)

    def tell(self, claim: Claim, told: Told) -> None:
        """Keep how a claim came out. What is unfit guides the sampler, too, but is never on the front."""
        claim.trial.set_user_attr("identity", told.identity)
        claim.trial.set_user_attr("unfit", told.unfit)
        claim.trial.set_constraint("fit", float(bool(told.unfit)))
        self._study.tell(claim.trial, list(told.values))

    def fail(self, claim: Claim, identity: str, reason: str, *, final: bool) -> None:
        """Keep that a claim failed, and why; one that is final would fail again, and is not tried again."""
        for key, value in {"identity": identity, "reason": reason, "final": final}.items():
            claim.trial.set_user_attr(key, value)
        self._study.tell(claim.trial, state=TrialState.FAIL)

    def _again(self) -> tuple[int, dict[str, Any], str] | None:
        """Return the first place whose process died, or that failed in an earlier launch."""
        for place, trial in latest(self.trials).items():
            launch, reason = trial.user_attrs["launch"], trial.user_attrs.get("reason", "")
            if trial.state is TrialState.RUNNING and not alive(self._request.folder, launch):
                self._study.tell(trial.number, state=TrialState.FAIL)
                return place, trial.user_attrs["values"], f"its process ({launch}) died"
            unsettled = not reason or trial.number in self._failed_before
            if trial.state is TrialState.FAIL and unsettled and not trial.user_attrs.get("final"):
                return place, trial.user_attrs["values"], f"it failed before: {reason}" if reason else "its process died"
        return None

    def _fresh(self) -> tuple[int, dict[str, Any], str] | None:
        """Return the next place, with values drawn for it.

        By TPE for several objectives (Ozaki et al. 2022, doi.org/10.1613/jair.1.13188), made for few and costly trials of mixed
        kinds of value; NSGA-II needs generations of dozens. It is asked in memory, so that the journal has whole trials only.
        """
        place = len(latest(self.trials))
        if place >= self._request.search.trials:
            return None
        seed = seeds.random(self._request.search.seed, "search", place).getrandbits(32)
        sampler = TPESampler(seed=seed, n_startup_trials=self._request.search.startup)
        draft = optuna.create_study(directions=self._study.directions, sampler=sampler)
        draft.add_trials(self.trials)
        return place, draft.ask(self._distributions).params, ""

    def front(self) -> list[FrozenTrial]:
        """Return the trials that none beats in one objective without losing in another, in the order of the first objective."""
        return sorted(self._study.best_trials, key=lambda trial: (*trial.values, trial.number))


def latest(trials: Sequence[FrozenTrial]) -> dict[int, FrozenTrial]:
    """Return the last trial of each place, in the order of places."""
    found = {trial.user_attrs["place"]: trial for trial in trials}
    return dict(sorted(found.items()))


@contextmanager
def opened(request: Request) -> Iterator[Study]:
    """Yield the study of a search, made where there is none; settings other than it was begun with raise InputError."""
    folder = request.folder
    with launched(folder) as launch:
        lock = Lock(folder / JOURNAL)
        with lock.held():
            study = _loaded(folder, lock) or _created(request, lock)
            begun = study.user_attrs.get("settings") or _begin(study, request)
        _compare(begun, request)
        yield Study(request, study, lock, launch)


def existing(request: Request) -> Study:
    """Return the study of a search so far, to be read only."""
    folder = request.folder
    study = _loaded(folder, Lock(folder / JOURNAL)) if (folder / JOURNAL).exists() else None
    if not study or "settings" not in study.user_attrs:
        raise InputError("search", request.name, f"was not begun in {folder}; leave --front out to begin it")
    _compare(study.user_attrs["settings"], request)
    return Study(request, study, Lock(folder / JOURNAL), "")


def _loaded(folder: Path, lock: Lock) -> optuna.Study | None:
    try:
        return optuna.load_study(study_name=NAME, storage=storage(folder / JOURNAL, lock), sampler=RandomSampler(0))
    except KeyError:
        return None
    except ValueError as error:
        remedy = f"is damaged ({' '.join(str(error).split())}); move it away: runs that are recorded are not run again"
        raise InputError("search", folder / JOURNAL, remedy) from error


def _created(request: Request, lock: Lock) -> optuna.Study:
    up, down = optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE
    directions = [up if objective.maximised else down for objective in request.objectives.values()]
    kept = storage(request.folder / JOURNAL, lock)
    study = optuna.create_study(study_name=NAME, storage=kept, directions=directions, sampler=RandomSampler(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names(list(request.objectives))
    return study


def _begin(study: optuna.Study, request: Request) -> dict[str, Any]:
    study.set_user_attr("settings", request.settings)
    return request.settings


def _compare(begun: Mapping[str, Any], request: Request) -> None:
    """Raise InputError if the study was begun with other settings; it names the first."""
    then, now = (flattened(json.loads(json.dumps(each))) for each in (begun, request.settings))
    for key in sorted({*then, *now}):
        if then.get(key) != now.get(key):
            was, asked = (f"{each:g}" if isinstance(each, float) else each for each in (then.get(key), now.get(key)))
            remedy = f"this search was begun with {was}; give another search.folder, where what is recorded is not run again"
            raise InputError(key, asked, remedy)
