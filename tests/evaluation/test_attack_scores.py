import math

import pytest

from rna_bench.core.types import Response
from rna_bench.evaluation.attack_scores import attack_scores, log_odds
from rna_bench.runs.attack_record import AttackResponse


def answered(role, right, budget=0, variant=""):
    logps = [math.log(p) for p in ((0.4, 0.2, 0.1, 0.1) if right else (0.1, 0.4, 0.2, 0.1))]
    return AttackResponse(budget, variant, Response("bio", role, "q", "clean", tuple(logps), 0, "virology"))


def test_log_odds_are_those_of_the_right_letter_among_the_four():
    logps = [math.log(p) for p in (0.4, 0.2, 0.1, 0.1)]
    assert log_odds(logps, 0) == pytest.approx(math.log(0.4 / 0.4))
    assert log_odds(logps, 1) == pytest.approx(math.log(0.2 / 0.6))
    assert log_odds([-2000.0, -1000.0, -1001.0, -1002.0], 0) == pytest.approx(-1000 - math.log(1 + math.exp(-1) + math.exp(-2)))
    assert math.isnan(log_odds([math.nan, 0.0, 0.0, 0.0], 1))
    assert math.isnan(log_odds([0.0, -math.inf, 0.0, 0.0], 0))


def test_scores_come_by_budget_variant_task_and_role():
    responses = [
        answered("forget", True),
        answered("forget", False),
        answered("retaught", True),
        answered("forget", True, 8, "int4"),
    ]
    one, other, later = attack_scores("relearn", responses)
    assert (one.role, one.budget, one.accuracy, one.n, one.stderr) == ("forget", 0, 0.5, 2, 0.5)
    assert one.log_odds == pytest.approx((math.log(0.4 / 0.4) + math.log(0.1 / 0.7)) / 2)
    assert (other.role, other.accuracy) == ("retaught", 1.0)
    assert (later.budget, later.variant, later.accuracy, later.stderr) == (8, "int4", 1.0, None)
