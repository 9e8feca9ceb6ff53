"""The rules by which tests of each trigger type become a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from rna_bench.core.types import TriggerType
from rna_bench.reporting.statistics.effects import MARGIN, Effect, TwoAccuracies, effect
from rna_bench.reporting.statistics.significance import LEVEL, holm

FORGOTTEN = 40
"""The highest forget accuracy, in percent, at which a model counts as having forgotten."""


class Verdict(Enum):
    """A verdict on a claim, the strongest support for it first."""

    yes = "yes"
    small = f"yes, but below {MARGIN:g} points"
    steps = "only at equal steps"
    not_shown = "not shown"
    undetermined = "undetermined: one seed"
    unmatched = "undetermined: no seed in common with the no-noise baseline, or no eval points"
    not_comparable = "not comparable: not forgotten with this noise"
    not_forgotten = "not judged: it has not forgotten"
    no = "no"
    unchanged = "not judged: the noise changed no answer"


@dataclass(frozen=True)
class Tested:
    """The effect under each trigger type, with p-values corrected for their number by Holm's procedure."""

    effects: Mapping[TriggerType, Effect]
    corrected: Mapping[TriggerType, float]

    @property
    def seeds(self) -> int:
        """The number of seeds."""
        return len(next(iter(self.effects.values())).by_seed)

    @property
    def above(self) -> tuple[TriggerType, ...]:
        """The trigger types whose effect is above 0."""
        return tuple(one for one, own in self.effects.items() if own.mean > 0 and self.corrected[one] < LEVEL)

    @property
    def negative(self) -> tuple[TriggerType, ...]:
        """The trigger types whose effect is below 0."""
        return tuple(one for one, own in self.effects.items() if own.mean < 0 and self.corrected[one] < LEVEL)

    @property
    def within(self) -> tuple[TriggerType, ...]:
        """The trigger types whose effect is shown to be below `MARGIN`, each by an uncorrected test."""
        return tuple(one for one, own in self.effects.items() if own.below(MARGIN))

    @property
    def none_large(self) -> bool:
        """Whether every effect is shown to be below `MARGIN`.

        All tests must reject, so that none needs a correction (intersection-union test; Berger, Technometrics 24, 1982).
        """
        return len(self.within) == len(self.effects)


def corrected_tests(seeds: Mapping[TriggerType, Sequence[TwoAccuracies]]) -> Tested:
    """Return the tests of each trigger type's accuracies, which are seed by seed."""
    effects = {one: effect(values) for one, values in seeds.items()}
    corrected = holm([own.p for own in effects.values()])
    return Tested(effects, dict(zip(effects, corrected, strict=True)))


def breaks(drops: Tested, *, forgotten: bool) -> Verdict:
    """Return the verdict on claim 1 from the drops beyond control of a group without noise.

    That triggers do not break a model says nothing of unlearning unless the model has `forgotten`.
    """
    if drops.seeds < 2:
        return Verdict.undetermined
    if drops.above:
        return _sized(drops.above, drops)
    if not forgotten:
        return Verdict.not_forgotten
    return Verdict.no if drops.none_large else Verdict.not_shown


def restores(steps: Tested, matched: Tested, forget_accuracy: float | None) -> Verdict:
    """Return the verdict on claim 2 from the gains at equal steps and at matched forgetting.

    `forget_accuracy` is that of the no-noise baseline, in percent, where both first have the same forget loss.
    """
    if min(steps.seeds, matched.seeds) < 2:
        return Verdict.undetermined
    if forget_accuracy is not None and forget_accuracy > FORGOTTEN:
        return Verdict.not_comparable
    if both := [one for one in steps.above if one in matched.above]:
        return _sized(both, matched)
    if steps.above:
        return Verdict.steps
    return Verdict.no if matched.none_large else Verdict.not_shown


def _sized(held: Sequence[TriggerType], tests: Tested) -> Verdict:
    """Return `yes`, or that every effect above 0 is also shown to be below `MARGIN`."""
    return Verdict.small if all(one in tests.within for one in held) else Verdict.yes
