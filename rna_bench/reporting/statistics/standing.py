"""Which method to use: for each, whether it forgets and retains, its worst trigger-induced drop, and what noise gains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from rna_bench.core.types import TriggerType
from rna_bench.reporting.statistics.claim_restores import restoring, shared_types
from rna_bench.reporting.statistics.fitness import FORGOTTEN, RETAINED, base_accuracies, forgets, model_of
from rna_bench.reporting.statistics.frame import Group, shown_settings
from rna_bench.reporting.statistics.intervals import Interval
from rna_bench.reporting.statistics.pairs import (
    baseline_pairs,
    baselines,
    difference,
    drop_beyond_control_over_seeds,
    matched_pairs,
    over_seeds,
)
from rna_bench.reporting.statistics.rules import Verdict
from rna_bench.reporting.statistics.scores import mean_perturbed_accuracy, retain_accuracy


class Fit(Enum):
    """Whether a model forgot and retained, the best first."""

    both = "yes"
    base_missing = "forgets; no base run to tell what it retains"
    not_retained = "does not retain"
    not_asked = "no forget questions asked"
    not_forgotten = "does not forget"


RULE = (
    f"One row a method without noise. `forgets, retains`: forget accuracy at most {FORGOTTEN}% on each forget task, and retain "
    f"accuracy at least the base model's less {RETAINED} points. Sorted, within a model and what was swept, by that (yes first, "
    "what has not forgotten last), then by the worst drop, the smallest first; rows whose intervals overlap are not told apart by "
    "their order. `worst drop`: points of retain accuracy beyond the control, under the trigger type of the largest mean. `noise`: "
    f"the largest scale with which the method still forgets, and retains at most {RETAINED} points less than without; of several, "
    "the one that retains most; `none of` those tried, where none does. `gain`: points of accuracy, mean over trigger types, that "
    "it gains where both runs first have the same forget loss; `shown`: the verdict on claim 2 for it."
)


@dataclass(frozen=True)
class Gain:
    """What a noise gains where both runs first have the same forget loss, None without such a place; its verdict on claim 2."""

    noise: str
    points: Interval | None
    verdict: Verdict


@dataclass(frozen=True)
class Standing:
    """What decides whether to use a method: the runs without noise, or with it where there are none without."""

    group: Group
    fit: Fit
    drop: Interval
    worst: TriggerType
    gain: Gain | None
    tried_noise: tuple[str, ...]
    """The noises that it was run with, the smallest first."""

    @property
    def rank(self) -> tuple[object, ...]:
        """What the rule sorts by: lower is better."""
        return (
            self.group.model,
            self.group.dtype,
            self.group.settings,
            list(Fit).index(self.fit),
            self.drop.mean,
            self.group.method,
        )


def standings(groups: Sequence[Group]) -> list[Standing]:
    """Return the methods that were asked questions with triggers, by `RULE`; noise without a baseline is a row of its own."""
    noisy: dict[str, list[Group]] = {}
    for group, baseline in baseline_pairs(groups):
        noisy.setdefault(baseline.baseline_key, []).append(group)
    plain = baselines(groups)
    alone = [group for group in groups if group.unlearned and group.baseline_key not in plain]
    bases = base_accuracies(groups)
    judged = [group for group in (*plain.values(), *alone) if group.trigger_types]
    rows = [_standing(group, noisy.get(group.baseline_key, ()) if group.scale == 0 else (), bases) for group in judged]
    return sorted(rows, key=lambda one: one.rank)


def _standing(group: Group, noisy: Sequence[Group], bases: Mapping[tuple[str, str], float]) -> Standing:
    drops = {one: drop_beyond_control_over_seeds(group, one) for one in group.trigger_types}
    worst = max(drops, key=lambda one: drops[one].mean)
    in_order = sorted(noisy, key=lambda one: (one.scale, one.noise))
    held = [one for one in in_order if _holds(one, group)]
    gain = _gain(max(held, key=lambda one: (one.scale, _retained(one))), group) if held else None
    return Standing(group, _fit(group, bases), drops[worst], worst, gain, tuple(dict.fromkeys(one.noise for one in in_order)))


def _holds(noisy: Group, plain: Group) -> bool:
    """Return whether the method with noise still forgets, and retains about as much as without."""
    compared = noisy.forgets and bool(shared_types(noisy, plain))
    return compared and forgets(noisy) and _retained(noisy) >= _retained(plain) - RETAINED


def _retained(group: Group) -> float:
    return over_seeds(group, retain_accuracy).mean


def _fit(group: Group, bases: Mapping[tuple[str, str], float]) -> Fit:
    if not group.forgets:
        return Fit.not_asked
    if not forgets(group):
        return Fit.not_forgotten
    base = bases.get(model_of(group))
    if base is None:
        return Fit.base_missing
    return Fit.both if _retained(group) >= base - RETAINED else Fit.not_retained


def _gain(group: Group, baseline: Group) -> Gain:
    shared = shared_types(group, baseline)
    points = difference(matched_pairs(group, baseline), lambda scores: mean_perturbed_accuracy(scores, shared))
    where = shown_settings(group, tuple(key for key in group.varied if not key.startswith("noise.")))
    return Gain(f"{group.noise}, {where}" if where else group.noise, points, restoring(group, baseline, ()).verdict)
