"""The rule by which a preset is chosen among the settings that were tried: forgetting and retained accuracy alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from rna_bench.core.types import LETTERS, InputError
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.pairs import over_seeds
from rna_bench.reporting.statistics.scores import forget_accuracy, has_role, retain_accuracy

CHANCE = 100 / len(LETTERS)
RULE = (
    "Chosen is the largest gap at the end of the run: points of retained accuracy above forget accuracy, or above chance where "
    "forget accuracy is below it. Of equal ones the larger retain weight, then the larger learning rate and strength: nothing is "
    "retained by training less. Perturbed accuracy plays no part."
)


@dataclass(frozen=True)
class Tried:
    """Settings that were tried, with the mean forget and retain accuracy over seeds in percent, and whether they are chosen."""

    group: Group
    forget: float
    retained: float
    chosen: bool = False

    @property
    def gap(self) -> float:
        """Retained less forget accuracy, at least chance, in points; rounded, so that equal counts of answers are equal gaps."""
        return round(self.retained - max(self.forget, CHANCE), 9)

    @property
    def rank(self) -> list[float]:
        """What the rule sorts by: lower is better."""
        flat = self.group.flat
        strength = [flat[key] for key in self.group.varied if key.startswith("method.") and isinstance(flat.get(key), int | float)]
        return [
            -self.gap,
            *(-float(flat.get(f"train.{key}", 0)) for key in ("retain_weight", "lr")),
            *(-value for value in strength),
        ]


def tried(groups: Sequence[Group]) -> list[Tried]:
    """Return the settings of each model and method without noise from the best to the worst by `RULE`; the first is chosen."""
    plain = [_tried(group) for group in groups if group.trained and group.scale == 0 and _scored(group)]
    if not plain:
        raise InputError("results", "records", "hold no unlearned run without noise that was asked forget and retain questions")
    names = dict.fromkeys((one.group.model, one.group.method) for one in plain)
    ranked = [
        sorted((one for one in plain if (one.group.model, one.group.method) == name), key=lambda one: one.rank) for name in names
    ]
    return [Tried(one.group, one.forget, one.retained, one is same[0]) for same in ranked for one in same]


def _scored(group: Group) -> bool:
    return all(has_role(run.scores, role) for run in group.runs.values() for role in ("forget", "retain"))


def _tried(group: Group) -> Tried:
    return Tried(group, over_seeds(group, forget_accuracy).mean, over_seeds(group, retain_accuracy).mean)
