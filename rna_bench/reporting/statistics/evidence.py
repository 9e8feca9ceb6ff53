"""What the responses to single questions say of a group with noise and its no-noise baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy

from rna_bench.core.types import CLEAN, TriggerType
from rna_bench.reporting.statistics.bootstrap import Array, Span, bootstrap
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval
from rna_bench.reporting.statistics.recovery import recoveries
from rna_bench.reporting.statistics.responses import QuestionKey, ResponseMatrix, correctness, questions_of
from rna_bench.reporting.statistics.significance import LEVEL, mcnemar, sign_flip

FORGET, RETAIN, TRIGGERS = "forget", "retain", "triggers"
"""Measures beside the trigger types: accuracy on forget questions, on clean retain questions, and perturbed accuracy."""


@dataclass(frozen=True)
class Evidence:
    """The difference over questions in points with its interval, `sign_flip`'s p, and McNemar's verdicts by seed.

    `better` and `worse` count the seeds in which McNemar's test says at `LEVEL` that noise is better, or worse.
    """

    difference: Span
    p: float
    better: int
    worse: int


@dataclass(frozen=True)
class Evidences:
    """Evidence by measure, and the recovery rate by trigger type (and TRIGGERS), or why there is none."""

    by_measure: Mapping[str, Evidence]
    recovery: Mapping[str, Interval | str]


def evidences(
    group: Group, baseline: Group, trigger_types: Sequence[TriggerType], matrices: Mapping[str, ResponseMatrix]
) -> Evidences:
    """Return the evidence in both groups' responses, on the seeds that both have, where their questions are the same."""
    noisy, plain = _same_questions(group, baseline, matrices)
    tasks = {(s.role, s.task) for each in (group, baseline) for run in each.runs.values() for s in run.scores}
    forget, retain = (
        questions_of([*noisy, *plain], {task for role, task in tasks if role == wanted}) for wanted in ("forget", "retain")
    )
    by_measure: dict[str, Evidence] = {}
    if forget:
        by_measure |= _compared(_both(noisy, plain, forget, [CLEAN]), {FORGET: [0]})
    if not retain:
        return Evidences(by_measure, {})
    measures = {RETAIN: [0]} | {one.trigger: [index] for index, one in enumerate(trigger_types, 1)}
    measures |= {TRIGGERS: [*range(1, len(trigger_types) + 1)]} if trigger_types else {}
    right = _both(noisy, plain, retain, [CLEAN, *(one.trigger for one in trigger_types)])
    recovery = _recovery_rates(right, trigger_types) if trigger_types else {}
    return Evidences(by_measure | _compared(right, measures), recovery)


def _same_questions(
    group: Group, baseline: Group, matrices: Mapping[str, ResponseMatrix]
) -> tuple[list[ResponseMatrix], list[ResponseMatrix]]:
    pairs = [(run, baseline.runs[seed]) for seed, run in group.runs.items() if seed in baseline.runs]
    read = [
        (matrices[one.identity], matrices[other.identity])
        for one, other in pairs
        if one.fingerprints.get("questions") == other.fingerprints.get("questions")
        and one.identity in matrices
        and other.identity in matrices
    ]
    return [one for one, _ in read], [other for _, other in read]


def _both(
    noisy: Sequence[ResponseMatrix], plain: Sequence[ResponseMatrix], keys: Sequence[QuestionKey], perturbations: Sequence[str]
) -> Array:
    """Return correctness (2, p, s, q): with noise, and without."""
    return numpy.stack([correctness(noisy, keys, perturbations), correctness(plain, keys, perturbations)])


def _compared(right: Array, measures: Mapping[str, Sequence[int]]) -> dict[str, Evidence]:
    """Return evidence by measure, of correctness (2, p, s, q); a measure is the mean over the perturbations at its indices."""
    count = right.shape[1]

    def gains(means: Array) -> Array:
        noisy, plain = means[:count], means[count:]
        return numpy.stack([100 * (noisy[chosen] - plain[chosen]).mean(axis=0) for chosen in measures.values()])

    spans = bootstrap(right.reshape(2 * count, *right.shape[2:]), gains)
    differences = numpy.nan_to_num(right[0] - right[1]).astype(int)
    return {name: _evidence(span, differences[list(chosen)]) for (name, chosen), span in zip(measures.items(), spans, strict=True)}


def _evidence(span: Span, differences: numpy.ndarray) -> Evidence:
    """Return evidence of whole-number differences (p, s, q)."""
    by_seed = [(int((own > 0).sum()), int((own < 0).sum())) for own in differences.swapaxes(0, 1)]
    significant = [(gained > lost) for gained, lost in by_seed if mcnemar(gained, lost) < LEVEL]
    better = sum(significant)
    return Evidence(span, sign_flip(differences.sum(axis=(0, 1))), better, len(significant) - better)


def _recovery_rates(right: Array, trigger_types: Sequence[TriggerType]) -> dict[str, Interval | str]:
    noisy, plain = right[:, 1:]
    spans = recoveries(_with_mean(noisy), _with_mean(plain), right[1, 0])
    return dict(zip([*(one.trigger for one in trigger_types), TRIGGERS], spans, strict=True))


def _with_mean(perturbations: Array) -> Array:
    """Return series (p, s, q) followed by their mean."""
    return numpy.concatenate([perturbations, perturbations.mean(axis=0, keepdims=True)])
