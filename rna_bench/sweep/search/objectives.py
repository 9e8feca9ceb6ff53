"""Objectives of a search: numbers read from a run's record, all in percent, so that the axes of a front are comparable."""

from dataclasses import dataclass
from typing import Protocol

from rna_bench.core.types import InputError, RunRecord
from rna_bench.reporting.statistics.frame import scored_trigger_types
from rna_bench.reporting.statistics.scores import forget_accuracy, has_role, mean_perturbed_accuracy


class Objective(Protocol):
    """A number to be maximised or minimised."""

    @property
    def maximised(self) -> bool: ...
    def value(self, record: RunRecord) -> float: ...


@dataclass(frozen=True)
class ForgetAccuracy:
    """Accuracy on all forget questions: the lower, the more is forgotten; chance is 25."""

    maximised: bool = False

    def value(self, record: RunRecord) -> float:
        """Return the accuracy, tasks weighted by size."""
        if not has_role(record.scores, "forget"):
            raise InputError("search.objectives", "ForgetAccuracy", "no forget question was asked; give a dataset that has some")
        return forget_accuracy(record.scores)


@dataclass(frozen=True)
class PerturbedAccuracy:
    """Accuracy on retain questions with a trigger in them, the mean over trigger types: the higher, the more robust."""

    maximised: bool = True

    def value(self, record: RunRecord) -> float:
        """Return the accuracy, tasks weighted by size and kinds the same."""
        trigger_types = scored_trigger_types([record])
        if not trigger_types:
            raise InputError("search.objectives", "PerturbedAccuracy", "no question had a trigger; give trigger, or trigger.types")
        return mean_perturbed_accuracy(record.scores, trigger_types)
