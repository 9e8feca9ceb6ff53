import numpy

from rna_bench.core.types import TriggerType
from rna_bench.reporting.statistics.flips import flips
from rna_bench.reporting.statistics.responses import NOT_ASKED, ResponseMatrix

PERTURBATIONS = ("clean", "before", "before_control")


def matrix(*rows):
    """Each row is a question's task, and whether it is right clean, with the trigger and with the control."""
    keys = tuple((task, f"q{number}") for number, (task, *_) in enumerate(rows))
    return ResponseMatrix(keys, PERTURBATIONS, numpy.array([right for _, *right in rows], dtype=numpy.int8))


def test_flipped_questions_come_first_and_only_those_count():
    own = matrix(
        ("mmlu", 1, 1, 1),  # right throughout
        ("mmlu", 0, 1, 0),  # the trigger mends it
        ("mmlu", 1, 0, 0),  # any insertion breaks it
        ("mmlu", 1, 0, 1),  # the trigger breaks it
        ("wmdp", 1, 0, 1),  # another task
        ("mmlu", 0, 0, 1),
        ("mmlu", 1, 0, NOT_ASKED),
        ("mmlu", 1, 0, 1),  # the trigger breaks it
    )
    found = flips(own, ["mmlu"], TriggerType.before)
    assert [name for _, name in found.keys] == ["q3", "q7", "q2", "q1", "q0", "q5"]
    assert (found.flips, found.asked) == (2, 6)


def test_a_type_that_was_not_asked_has_no_questions():
    found = flips(matrix(("mmlu", 1, 0, 1)), ["mmlu"], TriggerType.inside)
    assert (found.keys, found.flips, found.asked) == ((), 0, 0)
