"""What a search wants of a run, as a number read from its record. All are in percent, so that a front's axes compare."""

from dataclasses import dataclass
from typing import Protocol

from rna_bench.core.types import InputError, RunRecord
from rna_bench.reporting.statistics.frame import forget_accuracy, kinds, pooled


class Objective(Protocol):
    """A number to be made as high as it goes, or as low."""

    @property
    def maximised(self) -> bool: ...
    def value(self, record: RunRecord) -> float: ...


@dataclass(frozen=True)
class ForgetAccuracy:
    """Accuracy over all forget questions: the lower, the more is forgotten; chance is 25."""

    maximised: bool = False

    def value(self, record: RunRecord) -> float:
        """Return the accuracy, tasks weighted by size."""
        if not any(score.role == "forget" for score in record.scores):
            raise InputError("search.objectives", "ForgetAccuracy", "no forget question was asked; give a dataset that has some")
        return forget_accuracy(record.scores)


@dataclass(frozen=True)
class PerturbedAccuracy:
    """Accuracy over retain questions with a forget-token in them, the mean over kinds of trigger: the higher, the more robust."""

    maximised: bool = True

    def value(self, record: RunRecord) -> float:
        """Return the accuracy, tasks weighted by size and kinds the same."""
        asked = kinds([record])
        if not asked:
            raise InputError("search.objectives", "PerturbedAccuracy", "no question had a trigger; give trigger, or trigger.types")
        return sum(pooled(record.scores, kind.trigger) for kind in asked) / len(asked)
