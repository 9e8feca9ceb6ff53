"""Verifying the records of attacks on a run, as its own record is."""

import math
from pathlib import Path

from rna_bench.core.types import InputError
from rna_bench.evaluation.attack_scores import attack_scores
from rna_bench.runs.attack_record import (
    RETAUGHT,
    AttackRecord,
    AttackResponse,
    AttackScore,
    attack_differences,
    attack_paths,
    parse_attack,
    read_attack_responses,
    responses_path,
)


def attack_problems(folder: Path) -> list[str]:
    """Return in words what does not agree in the records of attacks on the run in a folder."""
    return [f"{path.name}: {line}" for path in attack_paths(folder) for line in _problems(path)]


def _problems(path: Path) -> list[str]:
    try:
        record, values = parse_attack(path)
    except InputError as error:
        return [str(error)]
    lines, beside = attack_differences(values, path), responses_path(path)
    if not beside.is_file():
        return [*lines, f"{beside.name} is missing"]
    try:
        responses = read_attack_responses(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [*lines, f"{beside.name} cannot be read ({' '.join(str(error).split())})"]
    return [*lines, *_recomputed(record, responses), *_mixed_up(record, responses)]


def _recomputed(record: AttackRecord, responses: list[AttackResponse]) -> list[str]:
    stored, recomputed = ({_key(one): one for one in some} for some in (record.scores, attack_scores(record.attack, responses)))
    return [
        f"{' '.join(map(str, filter(None, key)))} is not what the responses give"
        for key in {**stored, **recomputed}
        if not (key in stored and key in recomputed and _same(stored[key], recomputed[key]))
    ]


def _key(score: AttackScore) -> tuple[object, ...]:
    return score.task, score.role, score.variant, f"after {score.budget}"


def _same(one: AttackScore, other: AttackScore) -> bool:
    pairs = ((one.stderr, other.stderr), (one.log_odds, other.log_odds))
    near = all(a == b or (a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9)) for a, b in pairs)
    return near and (one.accuracy, one.n) == (other.accuracy, other.n)


def _mixed_up(record: AttackRecord, responses: list[AttackResponse]) -> list[str]:
    """Return a line for each task in which a question on a fact that was taught again counts as forgotten, or the reverse."""
    taught = {(task, question) for task, questions in record.retaught.items() for question in questions}
    wrong = {
        one.response.task
        for one in responses
        if one.response.role != "retain"
        and (one.response.role == RETAUGHT) != ((one.response.task, one.response.question) in taught)
    }
    return [f"{task}: questions have the role `forget` whose facts were taught again, or the reverse" for task in sorted(wrong)]
