"""Objectives of a search: numbers read from a run's record, all in percent, so that the axes of a front are comparable."""

from dataclasses import dataclass
from typing import Protocol

from rna_bench.core.types import InputError, RunRecord
from rna_bench.reporting.statistics.frame import forget_accuracy, kinds, pooled


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
        """Return the accuracy, with tasks weighted by size."""
        if not any(score.role == "forget" for score in record.scores):
            raise InputError("search.objectives", "ForgetAccuracy", "there are no forget questions; give a dataset that has some")
        return forget_accuracy(record.scores)


@dataclass(frozen=True)
class PerturbedAccuracy:
    """Accuracy on retain questions with a trigger in them, the mean over trigger types: the higher, the more robust."""

    maximised: bool = True

    def value(self, record: RunRecord) -> float:
        """Return the accuracy, with tasks weighted by size and trigger types equally."""
        types = kinds([record])
        if not types:
            raise InputError("search.objectives", "PerturbedAccuracy", "no question had a trigger; give trigger, or trigger.kinds")
        return sum(pooled(record.scores, kind.trigger) for kind in types) / len(types)
