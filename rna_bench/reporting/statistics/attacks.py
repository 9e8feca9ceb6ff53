"""Records of attacks -> accuracy of single facts along the budget, by group of runs, attack and variant."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy

from rna_bench.core.types import CLEAN, InputError, RunRecord
from rna_bench.evaluation.attack_scores import log_odds
from rna_bench.reporting.statistics.bootstrap import Array
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval, accuracy_interval
from rna_bench.runs.attack_record import AttackRecord, attack_paths, read_attack, read_attack_responses, responses_path
from rna_bench.runs.collection import Recorded
from rna_bench.runs.identity import HAZARDS, is_gold
from rna_bench.runs.record import LOGPS, QUESTIONS, read_responses

Fact: TypeAlias = tuple[str, str]
"""A task and a question."""
OtherAnswers: TypeAlias = dict[tuple[str, str], dict[int, list[bool]]]
"""By variant and role, `retaught` or `retain`, and then by budget: whether answers are right."""
REDRAWN = "redrawn"
"""`model.hazards` of the gold reference that knows words and form; the other has never seen the words either."""


class AttackKey(NamedTuple):
    """An attack's name, its settings as text, and the variant: what rows of a table have in common."""

    attack: str
    settings: str
    variant: str

    @property
    def label(self) -> str:
        """The attack's name with that of its variant, if there are several."""
        return " ".join(filter(None, (self.attack, self.variant)))


@dataclass(frozen=True)
class Recovered:
    """Answers of one run under attack to questions on facts that the attack never saw: right (1) or wrong (0), by rising budget.

    `retaught` and `retain` are the accuracies at the end on facts that it taught and on harmless ones; NaN where none was asked.
    `diagnostic`: the attack saw the original weights.
    """

    budgets: tuple[int, ...]
    right: Mapping[Fact, tuple[float, ...]]
    retaught: float = math.nan
    retain: float = math.nan
    diagnostic: bool = False

    def accuracies(self) -> Array:
        """Return the accuracy (n,) at each budget."""
        return numpy.mean(list(self.right.values()), axis=0)


SeedRuns: TypeAlias = Mapping[int, Recovered]
"""What one attack recovers of a group's runs, by seed."""


@dataclass(frozen=True)
class RecoveredRun:
    """What attacks recover of a run, and the mean log-odds of its answers to forget questions without attack, in nats.

    `along` has what they recover of its states after steps of training, by step.
    """

    by_attack: Mapping[AttackKey, Recovered]
    log_odds: float
    along: Mapping[int, Mapping[AttackKey, Recovered]] = field(default_factory=dict)


class RecoveredRuns(NamedTuple):
    """Attacked runs by identity, and a line for each record of an attack that was left out."""

    by_run: Mapping[str, RecoveredRun]
    left_out: tuple[str, ...]


def read_recovered_runs(runs: Iterable[Recorded]) -> RecoveredRuns:
    """Return what attacks recover of the runs that were attacked; records that are damaged or were changed are left out."""
    attacked: dict[str, RecoveredRun] = {}
    left_out: list[str] = []
    for run in runs:
        by_step: dict[int | None, dict[AttackKey, Recovered]] = {}
        for path in attack_paths(run.folder):
            try:
                made = read_attack(path)
                by_step.setdefault(made.step, {}).update(_recovered(made, path))
            except InputError as error:
                left_out.append(f"{run.folder.name}: {error}")
        if by_step:
            along = {step: recovered for step, recovered in by_step.items() if step is not None}
            attacked[run.record.identity] = RecoveredRun(by_step.get(None, {}), _mean_log_odds(run), along)
    return RecoveredRuns(attacked, tuple(left_out))


def by_seed(key: AttackKey, group: Group, attacked: Mapping[str, RecoveredRun]) -> SeedRuns:
    """Return what an attack recovers of those runs of a group that it was tried on; `attacked` are runs by identity."""
    known = {seed: attacked[run.identity].by_attack for seed, run in group.runs.items() if run.identity in attacked}
    return {seed: by_attack[key] for seed, by_attack in known.items() if key in by_attack}


def along_budget(runs: SeedRuns) -> dict[int, Interval]:
    """Return accuracies in percent by budget."""
    budgets = next(iter(runs.values())).budgets
    accuracies = 100 * numpy.array([own.accuracies() for own in runs.values()])
    questions = min(len(own.right) for own in runs.values())
    return {budget: accuracy_interval(list(map(float, accuracies[:, n])), questions) for n, budget in enumerate(budgets)}


def _recovered(record: AttackRecord, path: Path) -> dict[AttackKey, Recovered]:
    try:
        responses = read_attack_responses(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("attack", responses_path(path), f"cannot be read ({' '.join(str(error).split())})") from error
    rows: dict[str, dict[Fact, dict[int, float]]] = {}
    others: OtherAnswers = {}
    for one in responses:
        if one.response.role == "forget":
            fact = (one.response.task, one.response.question)
            rows.setdefault(one.variant, {}).setdefault(fact, {})[one.budget] = float(one.response.right)
        else:
            others.setdefault((one.variant, one.response.role), {}).setdefault(one.budget, []).append(one.response.right)
    return {_key(record, variant): _along_budget(record, facts, variant, others) for variant, facts in rows.items()}


def _at_end(answers: Mapping[int, list[bool]] | None) -> float:
    return float(numpy.mean(answers[max(answers)])) if answers else math.nan


def _key(record: AttackRecord, variant: str) -> AttackKey:
    return AttackKey(record.attack, json.dumps(record.config, sort_keys=True), variant)


def _along_budget(record: AttackRecord, facts: Mapping[Fact, Mapping[int, float]], variant: str, others: OtherAnswers) -> Recovered:
    budgets = tuple(sorted(next(iter(facts.values()))))
    if any(sorted(own) != list(budgets) for own in facts.values()):
        raise InputError("attack", record.attack, f"of run {record.run}: not every fact was asked at each budget")
    right = {fact: tuple(own[budget] for budget in budgets) for fact, own in facts.items()}
    retaught, retain = (_at_end(others.get((variant, role))) for role in ("retaught", "retain"))
    return Recovered(budgets, right, retaught, retain, record.sees_reference)


def _mean_log_odds(run: Recorded) -> float:
    """Return the mean log-odds of the run's answers to clean forget questions; NaN where it has none, or one is not finite."""
    tasks = {score.task for score in run.record.scores if score.role == "forget"}
    if not (run.folder / QUESTIONS).is_file():
        return float("nan")
    rows = read_responses(run.folder / QUESTIONS, ["task", "perturbation", *LOGPS, "answer"]).to_pylist()
    asked = [row for row in rows if row["task"] in tasks and row["perturbation"] == CLEAN]
    return float(numpy.mean([log_odds([row[name] for name in LOGPS], row["answer"]) for row in asked])) if asked else float("nan")


def paired_areas(models: Sequence[Mapping[int, Mapping[Fact, float]]]) -> list[Array]:
    """Return areas of facts, by seed, of several models as arrays (s, q) of the seeds and facts in common; NaN where not asked.

    A seed counts where all were attacked, a fact of a seed where all were asked it. There may be none.
    """
    shared = sorted(set.intersection(*(set(by_seed) for by_seed in models)))
    asked = {seed: set.intersection(*(set(by_seed[seed]) for by_seed in models)) for seed in shared}
    facts = sorted(set().union(*asked.values()))
    return [
        numpy.array([[by_seed[seed][fact] if fact in asked[seed] else numpy.nan for fact in facts] for seed in shared])
        for by_seed in models
    ]


def is_reference(record: RunRecord) -> bool:
    """Return whether a run scored the gold reference of depth: the same model, told each hazard fact with ever other values."""
    return is_gold(record.config) and record.config["model"].get(HAZARDS) == REDRAWN
