"""The names and values that runs log to trackers and that dashboards show."""

from collections.abc import Iterable, Mapping, Sequence

from rna_bench.core.types import CLEAN, Score, StepLoss, TriggerType

FORGET, RETAIN, TRIGGERED, CONTROL = "mean/forget", "mean/retain", "mean/triggered", "mean/control"
MARGIN = "mean/margin"
FORGET_LOSS, RETAIN_LOSS = "forget", "retain"
ALONG = "along"
NORM = "hidden_norm"
STATUS = "status"
PERPLEXITY = "perplexity/retain"


def loss_values(loss: StepLoss) -> dict[str, float | None]:
    """Return a step's losses by topic: forget/TOPIC and retain/TOPIC."""
    return {f"{FORGET_LOSS}/{loss.topic}": loss.forget, f"{RETAIN_LOSS}/{loss.topic}": loss.retain}


def norm_values(norms: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return the hidden norms of an eval point by topic and side: along/hidden_norm/NAME."""
    return {f"{ALONG}/{NORM}/{name}": value for name, value in norms.items()}


def eval_point_values(scores: Sequence[Score]) -> dict[str, float | None]:
    """Return the scores of an eval point: those of `final_values`, under along/."""
    return {f"{ALONG}/{name}": value for name, value in final_values(scores).items()}


def final_values(scores: Sequence[Score]) -> dict[str, float]:
    """Return accuracy by task and perturbation, TASK/PERTURBATION, and means over several of them, mean/NAME."""
    return {**task_accuracies(scores), **means(scores)}


def means(scores: Sequence[Score]) -> dict[str, float]:
    """Return accuracy on all forget questions, all retain questions, and all retain questions with a trigger and with a control.

    Tasks and trigger types are weighted by their number of questions; those that a run does not have are left out. The margin,
    for searches that need a single number, is the accuracy with triggers minus that on forget questions.
    """
    triggers, controls = {kind.trigger for kind in TriggerType}, {kind.control for kind in TriggerType}
    retain = [score for score in scores if score.role == "retain"]
    parts = {
        FORGET: [score for score in scores if score.role == "forget" and score.perturbation == CLEAN],
        RETAIN: [score for score in retain if score.perturbation == CLEAN],
        TRIGGERED: [score for score in retain if score.perturbation in triggers],
        CONTROL: [score for score in retain if score.perturbation in controls],
    }
    pooled = {name: _pooled(chosen) for name, chosen in parts.items() if chosen}
    return {**pooled, **({MARGIN: pooled[TRIGGERED] - pooled[FORGET]} if {FORGET, TRIGGERED} <= set(pooled) else {})}


def _pooled(scores: Iterable[Score]) -> float:
    pairs = [(score.accuracy * score.n, score.n) for score in scores]
    return sum(correct for correct, _ in pairs) / sum(n for _, n in pairs)


def task_accuracies(scores: Iterable[Score]) -> dict[str, float]:
    """Return accuracy under the names that trackers show: TASK/PERTURBATION."""
    return {f"{score.task}/{score.perturbation}": score.accuracy for score in scores}
