"""`rna-bench attack`: the runs that are named, their trained tensors, and what is said of each attack."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rna_bench.core.log import print_result, progress_bar
from rna_bench.core.types import InputError
from rna_bench.experiment.attack_config import NamedAttack, attacks_of
from rna_bench.experiment.attack_text import attack_text
from rna_bench.experiment.attacking import AttackedRun, attack_run, recorded_attacks
from rna_bench.experiment.compose import compose_run
from rna_bench.experiment.restored import experiment_of, recorded_inputs, retrain
from rna_bench.runs.collection import PLACES, Recorded, collect, find, report_left_out
from rna_bench.runs.identity import trains
from rna_bench.runs.lock import BusyError
from rna_bench.runs.lookup import find_delta, find_run, has_delta
from rna_bench.runs.record import RECORD, read

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class AttackWords:
    """The attacks as KEY=VALUE words, a user's folder of configuration, and where trained tensors are or whether to make them."""

    words: Sequence[str]
    config_dir: Path | None
    deltas: Path | None
    retrain: bool


def attack_runs(names: Sequence[str], asked: AttackWords) -> bool:
    """Attack the named runs and print the scores; return whether all could be attacked, after a line for each that could not."""
    composed, _ = compose_run(["method=none", "tracker=none", *asked.words], asked.config_dir)
    attacks = attacks_of(composed.attack)
    if not attacks:
        raise InputError("attack", "[]", "give attack=[NAME,...]; `rna-bench list attacks` says what there is")
    runs = _named(names)
    problems: list[str] = []
    with progress_bar("attacking", "runs", len(runs)) as bar:
        for run in runs:
            if problem := _attempt(run, attacks, asked):
                problems.append(problem)
                LOG.error("%s", problem)
            bar.update()
    return not problems


def _attempt(run: Recorded, attacks: Sequence[NamedAttack], asked: AttackWords) -> str:
    """Attack a run, unless that is recorded, and print the scores; return why that cannot be done, or ""."""
    made = recorded_attacks(run.folder, attacks)
    if made is None:
        try:
            attacked = _attacked(run, asked)
        except InputError as error:  # its files or its trained tensors are not at hand
            return str(error)
        try:
            made = attack_run(attacked, attacks)
        except BusyError as busy:
            return str(busy)
    for one in made:
        print_result(attack_text(run.record, run.folder, one))
    return ""


def _attacked(run: Recorded, asked: AttackWords) -> AttackedRun:
    experiment = experiment_of(run.record)
    inputs = recorded_inputs(experiment, run.record)
    return AttackedRun(experiment, inputs, run.folder, _delta(run, asked) if trains(run.record.config) else None)


def _delta(run: Recorded, asked: AttackWords) -> Path:
    if asked.retrain and not has_delta(run.folder, run.record, asked.deltas):
        return retrain(experiment_of(run.record), run.record)
    return find_delta(run.folder, run.record, asked.deltas)


def _named(names: Sequence[str]) -> list[Recorded]:
    """Return the runs that names stand for, each once: a folder of records, or its name, stands for all in it."""
    by_folder = {run.folder.resolve(): run for name in names for run in _runs(name)}
    return list(by_folder.values())


def _runs(name: str) -> Sequence[Recorded]:
    places = (Path(name), *(place / name for place in PLACES))
    if not (Path(name) / RECORD).is_file() and any(place.is_dir() and not (place / RECORD).is_file() for place in places):
        collection = collect(find(name), deep=True)
        report_left_out(collection)
        return collection.runs
    folder = find_run(name)
    return [Recorded(read(folder / RECORD, folder.resolve().name), folder)]
