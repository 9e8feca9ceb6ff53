"""What is printed of an attack."""

from collections.abc import Sequence
from pathlib import Path

from rna_bench.core.types import RunRecord
from rna_bench.runs.attack_record import AttackRecord, AttackScore, record_path
from rna_bench.runs.labels import run_label


def attack_report(run: RunRecord, folder: Path, made: AttackRecord) -> str:
    """Return which run and attack it is, where its record lies, and accuracy by task and role along the budget."""
    at = f" after step {made.step}" if made.step is not None else ""
    place = record_path(folder, made.attack, made.step)
    head = f"{made.attack} on {run_label(run.config, run.choices)} seed {made.seed}{at}  {place}"
    lines = (f"{task:>20} {role:<9} {_along(made.scores, task, role)}" for task, role in _parts(made.scores))
    return "\n".join([head, *lines])


def _parts(scores: Sequence[AttackScore]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((score.task, score.role) for score in scores))


def _along(scores: Sequence[AttackScore], task: str, role: str) -> str:
    """Return accuracies, each after its variant, and its budget where there are several."""
    own = [score for score in scores if (score.task, score.role) == (task, role)]
    several = len({score.budget for score in own}) > 1
    labels = (f"{score.variant} {score.budget}".strip() if several else score.variant or score.budget for score in own)
    return "  ".join(f"{label} {score.accuracy:.3f}" for label, score in zip(labels, own, strict=True))
