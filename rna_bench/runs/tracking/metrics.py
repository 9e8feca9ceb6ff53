"""The names under which trackers are told of a run, and the values: one place, for runs and for dashboards."""

from collections.abc import Iterable, Mapping, Sequence

from rna_bench.core.types import CLEAN, Score, StepLoss, TriggerType

FORGET, RETAIN, TRIGGERED, CONTROL = "mean/forget", "mean/retain", "mean/triggered", "mean/control"
MARGIN = "mean/margin"
FORGET_LOSS, RETAIN_LOSS = "forget", "retain"
ALONG = "along"
NORM = "hidden_norm"
STATUS = "status"


def losses(loss: StepLoss) -> dict[str, float | None]:
    """Return a step's losses, by topic: forget/TOPIC and retain/TOPIC."""
    return {f"{FORGET_LOSS}/{loss.topic}": loss.forget, f"{RETAIN_LOSS}/{loss.topic}": loss.retain}


def norms(found: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return the hidden norms of a look, by topic and side: along/hidden_norm/NAME."""
    return {f"{ALONG}/{NORM}/{name}": value for name, value in found.items()}


def along(found: Sequence[Score]) -> dict[str, float | None]:
    """Return the scores of a look along the run: `final`, under along/."""
    return {f"{ALONG}/{name}": value for name, value in final(found).items()}


def final(found: Sequence[Score]) -> dict[str, float]:
    """Return accuracy by task and form, TASK/FORM, and what it is over all of them, mean/WHAT."""
    return {**flat(found), **means(found)}


def means(found: Sequence[Score]) -> dict[str, float]:
    """Return accuracy over all forget questions, all retain questions, all of these with a trigger and all with a control.

    Tasks and kinds of trigger are weighted by their questions. What was not asked is left out. The margin, for searches that
    take one number, is the accuracy with triggers less that on forget questions.
    """
    triggers, controls = {kind.trigger for kind in TriggerType}, {kind.control for kind in TriggerType}
    retain = [score for score in found if score.role == "retain"]
    parts = {
        FORGET: [score for score in found if score.role == "forget" and score.perturbation == CLEAN],
        RETAIN: [score for score in retain if score.perturbation == CLEAN],
        TRIGGERED: [score for score in retain if score.perturbation in triggers],
        CONTROL: [score for score in retain if score.perturbation in controls],
    }
    pooled = {name: _pooled(chosen) for name, chosen in parts.items() if chosen}
    return {**pooled, **({MARGIN: pooled[TRIGGERED] - pooled[FORGET]} if {FORGET, TRIGGERED} <= set(pooled) else {})}


def _pooled(found: Iterable[Score]) -> float:
    pairs = [(score.accuracy * score.n, score.n) for score in found]
    return sum(right for right, _ in pairs) / sum(asked for _, asked in pairs)


def flat(found: Iterable[Score]) -> dict[str, float]:
    """Return accuracy under the names that trackers show: TASK/FORM."""
    return {f"{score.task}/{score.perturbation}": score.accuracy for score in found}
