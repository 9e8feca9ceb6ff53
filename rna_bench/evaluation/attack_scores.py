"""Accuracy and answer log-odds from responses under attack, by what was spent of its budget."""

import math
from collections.abc import Sequence

from rna_bench.core.types import Response, finite
from rna_bench.evaluation.scores import scores
from rna_bench.runs.attack_record import AttackResponse, AttackScore


def attack_scores(attack: str, responses: Sequence[AttackResponse]) -> tuple[AttackScore, ...]:
    """Return the scores of an attack by budget and variant, task and role, in order of appearance."""
    stages: dict[tuple[int, str], list[Response]] = {}
    for one in responses:
        stages.setdefault((one.budget, one.variant), []).append(one.response)
    return tuple(score for (budget, variant), own in stages.items() for score in _of_stage(attack, budget, variant, own))


def _of_stage(attack: str, budget: int, variant: str, responses: Sequence[Response]) -> list[AttackScore]:
    odds: dict[tuple[str, str], list[float]] = {}
    for response in responses:
        odds.setdefault((response.task, response.role), []).append(log_odds(response.logps, response.correct))
    return [
        AttackScore(attack, one.task, one.role, budget, variant, one.accuracy, one.stderr, one.n, _mean(odds[one.task, one.role]))
        for one in scores(responses)
    ]


def log_odds(logps: Sequence[float], correct: int) -> float:
    """Return log(p / (1 - p)), p the probability of the right letter among the four; NaN where a log-probability is not finite."""
    if not all(map(math.isfinite, logps)):
        return math.nan
    wrong = [logp for index, logp in enumerate(logps) if index != correct]
    highest = max(wrong)
    return logps[correct] - highest - math.log(sum(math.exp(logp - highest) for logp in wrong))


def _mean(values: Sequence[float]) -> float | None:
    return finite(sum(values) / len(values))
