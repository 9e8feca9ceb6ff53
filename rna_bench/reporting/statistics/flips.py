"""Responses -> which questions a trigger flips: right clean and with the control, wrong with the trigger in the same place."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy

from rna_bench.core.types import CLEAN, TriggerType
from rna_bench.reporting.statistics.responses import QuestionKey, ResponseMatrix, correctness, questions_of


@dataclass(frozen=True)
class Flips:
    """Of `asked` questions, how many a trigger flips; and all of them, in this order.

    First those that it flips; then those right clean and wrong with trigger and control; then those wrong clean and right with the
    trigger; then the rest; each in the order of the responses' file.
    """

    keys: tuple[QuestionKey, ...]
    flips: int

    @property
    def asked(self) -> int:
        """How many questions were asked clean, with the control and with the trigger."""
        return len(self.keys)


def flips(matrix: ResponseMatrix, tasks: Collection[str], trigger_type: TriggerType) -> Flips:
    """Return the questions of some tasks that one run was asked under a trigger type, flipped ones first."""
    keys = [key for key in matrix.keys if key in set(questions_of([matrix], tasks))]
    clean, control, trigger = correctness([matrix], keys, (CLEAN, trigger_type.control, trigger_type.trigger))[:, 0]
    asked = numpy.isfinite(clean) & numpy.isfinite(control) & numpy.isfinite(trigger)
    rank = numpy.select([(clean > trigger) & (control > trigger), clean > trigger, trigger > clean], [0, 1, 2], 3)
    order = [int(place) for place in numpy.argsort(rank, kind="stable") if asked[place]]
    return Flips(tuple(keys[place] for place in order), int((asked & (rank == 0)).sum()))
