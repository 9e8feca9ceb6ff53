"""Which method to use: for each, whether it forgets and retains, its worst trigger-induced drop, and what noise gains."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from rna_bench.core.types import TriggerType
from rna_bench.reporting.statistics.claim_restores import restoring, shared_types
from rna_bench.reporting.statistics.fitness import FLUENT, FORGOTTEN, RETAINED, base_groups, forgets, lost_text, model_of, retained
from rna_bench.reporting.statistics.frame import Group, shown_settings
from rna_bench.reporting.statistics.intervals import Interval
from rna_bench.reporting.statistics.pairs import (
    baseline_pairs,
    baselines,
    difference,
    drop_beyond_control_over_seeds,
    matched_pairs,
)
from rna_bench.reporting.statistics.rules import Verdict
from rna_bench.reporting.statistics.scores import mean_perturbed_accuracy


class Fit(Enum):
    """Whether a model forgot and retained, the best first."""

    both = "yes"
    base_missing = "forgets; no base run to tell what it retains"
    lost_text = "retains answers, but no text (perplexity)"
    not_retained = "does not retain"
    not_asked = "no forget questions asked"
    unknown_to_base = "its base does not know it either"
    not_forgotten = "does not forget"


RULE = (
    f"One row a method without noise. `forgets, retains`: forget accuracy at most {FORGOTTEN}% on each forget task, and retain "
    f"accuracy at least the base model's less {RETAINED} points, perplexity on held-out text, where it was measured, at most "
    f"{FLUENT} times the base model's. Sorted, within a model and what was swept, by that (yes first, "
    "what has not forgotten last), then by the worst drop, the smallest first; rows whose intervals overlap are not told apart by "
    "their order. `worst drop`: points of retain accuracy beyond the control, under the trigger type of the largest mean. `noise`: "
    f"the largest scale with which the method still forgets, and retains at most {RETAINED} points less than without; of several, "
    "the one that retains most; `none of` those tried, where none does. `gain`: points of accuracy, mean over trigger types, that "
    "it gains where both runs first have the same forget loss; `shown`: the verdict on claim 2 for it, and of a yes the "
    "trigger types with such a gain."
)


@dataclass(frozen=True)
class Gain:
    """What a noise gains where both runs first have the same forget loss, None without such a place; its verdict on claim 2."""

    noise: str
    points: Interval | None
    verdict: Verdict
    types: tuple[TriggerType, ...]
    """Those that the verdict holds for, where it is a yes."""


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
    """Return the methods that were asked questions with triggers, by `RULE`; noise without a baseline is a row of its own.

    A gold reference is no method.
    """
    noisy: dict[str, list[Group]] = {}
    for group, baseline in baseline_pairs(groups):
        noisy.setdefault(baseline.baseline_key, []).append(group)
    plain = baselines(groups)
    alone = [group for group in groups if group.unlearned and group.baseline_key not in plain]
    bases = base_groups(groups)
    judged = [group for group in (*plain.values(), *alone) if group.trigger_types and not group.gold]
    with_noise = [noisy.get(group.baseline_key, ()) if group.scale == 0 else () for group in judged]
    rows = [_standing(group, own, bases.get(model_of(group))) for group, own in zip(judged, with_noise, strict=True)]
    return sorted(rows, key=lambda one: one.rank)


def _standing(group: Group, noisy: Sequence[Group], base: Group | None) -> Standing:
    drops = {one: drop_beyond_control_over_seeds(group, one) for one in group.trigger_types}
    worst = max(drops, key=lambda one: drops[one].mean)
    in_order = sorted(noisy, key=lambda one: (one.scale, one.noise))
    held = [one for one in in_order if _holds(one, group)]
    gain = _gain(max(held, key=lambda one: (one.scale, retained(one))), group) if held else None
    return Standing(group, _fit(group, base), drops[worst], worst, gain, tuple(dict.fromkeys(one.noise for one in in_order)))


def _holds(noisy: Group, plain: Group) -> bool:
    """Return whether the method with noise still forgets, and retains about as much as without."""
    compared = noisy.forgets and bool(shared_types(noisy, plain))
    return compared and forgets(noisy) and retained(noisy) >= retained(plain) - RETAINED


def _fit(group: Group, base: Group | None) -> Fit:
    if not group.forgets:
        return Fit.not_asked
    if base and base.forgets and forgets(base):
        return Fit.unknown_to_base
    if not forgets(group):
        return Fit.not_forgotten
    if base is None:
        return Fit.base_missing
    if retained(group) < retained(base) - RETAINED:
        return Fit.not_retained
    return Fit.lost_text if lost_text(group, base) else Fit.both


def _gain(group: Group, baseline: Group) -> Gain:
    shared = shared_types(group, baseline)
    points = difference(matched_pairs(group, baseline), lambda scores: mean_perturbed_accuracy(scores, shared))
    where = shown_settings(group, tuple(key for key in group.varied if not key.startswith("noise.")))
    judged = restoring(group, baseline, ())
    held = judged.tests.above if judged.tests and judged.verdict in (Verdict.yes, Verdict.small) else ()
    return Gain(f"{group.noise}, {where}" if where else group.noise, points, judged.verdict, held)
