"""The names and values that runs log to trackers and that dashboards show: the names are those of tables, accuracies 0 to 1."""

from collections.abc import Iterable, Mapping, Sequence

from rna_bench.core.measures import Generation, Perplexity
from rna_bench.core.types import CLEAN, Score, StepLoss, TriggerType
from rna_bench.runs.attack_record import AttackScore

FORGET, RETAIN, PERTURBED, CONTROL = "forget", "retain", "perturbed", "control"
DROP, MARGIN = "drop", "margin"
FORGET_LOSS, RETAIN_LOSS = "forget_loss", "retain_loss"
ALONG = "along"
NORM = "hidden_norm"
STATUS = "status"
PERPLEXITY = "perplexity/retain"
GENERATION = "generation"
ATTACK, ACCURACY, AREA = "attack", "accuracy", "area"


def loss_values(loss: StepLoss) -> dict[str, float | None]:
    """Return a step's losses by topic: forget_loss/TOPIC and retain_loss/TOPIC."""
    return {f"{FORGET_LOSS}/{loss.topic}": loss.forget, f"{RETAIN_LOSS}/{loss.topic}": loss.retain}


def norm_values(norms: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return the hidden norms of an eval point by topic and side: along/hidden_norm/NAME."""
    return {f"{ALONG}/{NORM}/{name}": value for name, value in norms.items()}


def text_values(perplexity: Perplexity | None, generation: Iterable[Generation]) -> dict[str, float | None]:
    """Return what was measured on held-out text: perplexity/retain, and generation/BEGINNING/MEASURE of continuations."""
    measures = ("perplexity", "repetition", "agreement")
    written = {f"{GENERATION}/{one.perturbation}/{name}": vars(one)[name] for one in generation for name in measures}
    return ({PERPLEXITY: perplexity.value} if perplexity else {}) | written


def eval_point_values(scores: Sequence[Score]) -> dict[str, float | None]:
    """Return the scores of an eval point: those of `final_values`, under along/."""
    return {f"{ALONG}/{name}": value for name, value in final_values(scores).items()}


def final_values(scores: Sequence[Score]) -> dict[str, float]:
    """Return accuracy by task and perturbation, TASK/PERTURBATION, and what `means` returns."""
    return {**task_accuracies(scores), **means(scores)}


def means(scores: Sequence[Score]) -> dict[str, float]:
    """Return accuracy on all forget questions, all retain questions, and all retain questions with a trigger and with a control.

    Tasks and trigger types are weighted by their number of questions; those that a run does not have are left out. The drop is
    that beyond control; the margin, for searches that need a single number, is perturbed accuracy minus that on forget questions.
    """
    triggers, controls = {kind.trigger for kind in TriggerType}, {kind.control for kind in TriggerType}
    retain = [score for score in scores if score.role == "retain"]
    parts = {
        FORGET: [score for score in scores if score.role == "forget" and score.perturbation == CLEAN],
        RETAIN: [score for score in retain if score.perturbation == CLEAN],
        PERTURBED: [score for score in retain if score.perturbation in triggers],
        CONTROL: [score for score in retain if score.perturbation in controls],
    }
    pooled = {name: _pooled(chosen) for name, chosen in parts.items() if chosen}
    differences = {DROP: (CONTROL, PERTURBED), MARGIN: (PERTURBED, FORGET)}
    return pooled | {name: pooled[one] - pooled[other] for name, (one, other) in differences.items() if {one, other} <= set(pooled)}


def _pooled(scores: Iterable[Score]) -> float:
    pairs = [(score.accuracy * score.n, score.n) for score in scores]
    return sum(correct for correct, _ in pairs) / sum(n for _, n in pairs)


def task_accuracies(scores: Iterable[Score]) -> dict[str, float]:
    """Return accuracy under the names that trackers show: TASK/PERTURBATION."""
    return {f"{score.task}/{score.perturbation}": score.accuracy for score in scores}


def attack_metric(score: AttackScore) -> str:
    """Return the name of an accuracy under attack: attack/NAME/TASK/accuracy on facts that the attack never saw.

    In place of `accuracy` it ends in `retaught` or `retain` for other questions; a variant follows the attack's name.
    """
    what = ACCURACY if score.role == FORGET else score.role
    return "/".join(part for part in (ATTACK, score.attack, score.variant, score.task, what) if part)
