"""What the single questions say of a group with noise and its twin without."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy

from rna_bench.core.types import CLEAN, TriggerType
from rna_bench.reporting.statistics.answers import Key, Sheet, panel, questions_of
from rna_bench.reporting.statistics.bootstrap import Array, Span, bootstrap, recoveries
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.significance import mcnemar, sign_flip

FORGET, RETAIN, TRIGGERS = "forget", "retain", "triggers"
"""Measures beside the kinds of trigger: accuracy on forget questions, on retain questions, and on these under the mean trigger."""
LEVEL = 0.05


@dataclass(frozen=True)
class Evidence:
    """A difference in points over questions with its interval, `sign_flip`'s p, and how many seeds' McNemar says which way."""

    difference: Span
    p: float
    better: int
    worse: int


@dataclass(frozen=True)
class Evidences:
    """Evidence by measure, and by kind of trigger (and TRIGGERS) what noise brings back, None where nothing was lost."""

    by_measure: Mapping[str, Evidence]
    recovery: Mapping[str, Span | None]


def evidences(group: Group, twin: Group, kinds: Sequence[TriggerType], sheets: Mapping[str, Sheet]) -> Evidences:
    """Return what the answers of both groups say, on the seeds that both have, with the same questions."""
    noisy, plain = _same_questions(group, twin, sheets)
    tasks = {(s.role, s.task) for groups in (group, twin) for run in groups.runs.values() for s in run.scores}
    forget, retain = (
        questions_of([*noisy, *plain], {task for role, task in tasks if role == wanted}) for wanted in ("forget", "retain")
    )
    found: dict[str, Evidence] = {}
    if forget:
        found |= _compared(_both(noisy, plain, forget, [CLEAN]), {FORGET: [0]})
    if not retain:
        return Evidences(found, {})
    perturbations = {RETAIN: [0]} | {kind.trigger: [index] for index, kind in enumerate(kinds, 1)}
    perturbations |= {TRIGGERS: [*range(1, len(kinds) + 1)]} if kinds else {}
    answers = _both(noisy, plain, retain, [CLEAN, *(kind.trigger for kind in kinds)])
    return Evidences(found | _compared(answers, perturbations), _recovered(answers, kinds) if kinds else {})


def _same_questions(group: Group, twin: Group, sheets: Mapping[str, Sheet]) -> tuple[list[Sheet], list[Sheet]]:
    pairs = [(run, twin.runs[seed]) for seed, run in group.runs.items() if seed in twin.runs]
    kept = [
        (sheets[one.identity], sheets[other.identity])
        for one, other in pairs
        if one.fingerprints.get("questions") == other.fingerprints.get("questions")
        and one.identity in sheets
        and other.identity in sheets
    ]
    return [one for one, _ in kept], [other for _, other in kept]


def _both(noisy: Sequence[Sheet], plain: Sequence[Sheet], keys: Sequence[Key], perturbations: Sequence[str]) -> Array:
    """Return answers (2, f, s, q): with noise, and without."""
    return numpy.stack([panel(noisy, keys, perturbations), panel(plain, keys, perturbations)])


def _compared(answers: Array, perturbations: Mapping[str, Sequence[int]]) -> dict[str, Evidence]:
    """Return evidence by name on the mean over the named forms, of answers (2, f, s, q)."""
    count = answers.shape[1]

    def gains(means: Array) -> Array:
        noisy, plain = means[:count], means[count:]
        return numpy.stack([100 * (noisy[chosen] - plain[chosen]).mean(axis=0) for chosen in perturbations.values()])

    spans = bootstrap(answers.reshape(2 * count, *answers.shape[2:]), gains, over_seeds=False)
    differences = numpy.nan_to_num(answers[0] - answers[1]).astype(int)
    return {
        name: _evidence(span, differences[list(chosen)]) for (name, chosen), span in zip(perturbations.items(), spans, strict=True)
    }


def _evidence(span: Span, differences: numpy.ndarray) -> Evidence:
    """Return evidence of whole-number differences (f, s, q)."""
    by_seed = [(int((own > 0).sum()), int((own < 0).sum())) for own in differences.swapaxes(0, 1)]
    told = [(gained > lost) for gained, lost in by_seed if mcnemar(gained, lost) < LEVEL]
    return Evidence(span, sign_flip(differences.sum(axis=(0, 1))), sum(told), len(told) - sum(told))


def _recovered(answers: Array, kinds: Sequence[TriggerType]) -> dict[str, Span | None]:
    noisy, plain = answers[:, 1:]
    spans = recoveries(_with_mean(noisy), _with_mean(plain), answers[1, 0])
    return dict(zip([*(kind.trigger for kind in kinds), TRIGGERS], spans, strict=True))


def _with_mean(perturbations: Array) -> Array:
    """Return series (f, s, q) and their mean after them."""
    return numpy.concatenate([perturbations, perturbations.mean(axis=0, keepdims=True)])
