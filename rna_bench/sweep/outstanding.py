"""Which runs of a sweep are left to do, found out without starting it: each run once, and none that is recorded."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from rna_bench.core.types import InputError
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import gather
from rna_bench.runs.identity import relevant, settings
from rna_bench.sweep.plan import RECORDED, PlannedRun, run_state
from rna_bench.sweep.planning import Combination


class Outstanding(NamedTuple):
    """The runs left to do, how many combinations repeat another's run, how many runs are recorded, and why some are impossible."""

    experiments: tuple[ExperimentConfig, ...]
    repeated: int
    recorded: int
    problems: tuple[str, ...]


def outstanding(combinations: Sequence[Combination]) -> Outstanding:
    """Return what is left of a sweep, as the sweep itself would find it; nothing is fetched or trained.

    Runs whose model, text or questions are not at hand have no identity yet: their settings tell them apart.
    """
    left: dict[str, ExperimentConfig] = {}
    recorded: set[str] = set()
    problems: dict[str, None] = {}
    for one in combinations:
        identity, problem = _identity(one.experiment)
        if problem:
            problems[problem] = None
        if identity and run_state(one.experiment.results_dir, PlannedRun(identity, (), one.label)).phase in RECORDED:
            recorded.add(identity)
        else:
            left.setdefault(identity or _settings(one.experiment), one.experiment)
    repeated = len(combinations) - len(left) - len(recorded)
    return Outstanding(tuple(left.values()), repeated, len(recorded), tuple(problems))


def _identity(experiment: ExperimentConfig) -> tuple[str, str]:
    """Return a run's identity, "" where it is not known yet, and why the run is impossible, or ""."""
    sources = [*experiment.datasets.values(), *([experiment.corpus] if experiment.corpus else [])]
    if experiment.model.missing() or experiment.model.to_train or any(source.missing() for source in sources):
        return "", ""
    try:
        return gather(experiment).identity, ""
    except InputError as error:
        return "", str(error)


def _settings(experiment: ExperimentConfig) -> str:
    return json.dumps(settings(relevant(experiment.config)), sort_keys=True)
