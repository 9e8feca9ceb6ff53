import pytest

from rna_bench.core.types import TriggerType
from rna_bench.reporting.statistics.effects import TwoAccuracies
from rna_bench.reporting.statistics.rules import Verdict, breaks, corrected_tests, restores

LARGE, SMALL, NONE, WIDE, WORSE = (38, 40, 42), (0.9, 1.0, 1.1), (-0.1, 0.1, 0.3), (-20, 0, 26), (-31, -30, -29)
"""Differences of three seeds: above 0, above 0 and below 3, below 3, neither, below 0."""


def of_types(*by_type):
    return corrected_tests(
        {one: [TwoAccuracies(50 + d, 50, 192) for d in values] for one, values in zip(TriggerType, by_type, strict=False)}
    )


@pytest.mark.parametrize(
    ("drops", "verdict"),
    [
        ((LARGE, LARGE), Verdict.yes),
        ((LARGE, NONE), Verdict.yes),
        ((SMALL, NONE), Verdict.small),
        ((SMALL, WIDE), Verdict.small),  # nothing is shown of the other type
        ((SMALL, LARGE), Verdict.yes),
        ((NONE, NONE), Verdict.no),
        ((NONE, WORSE), Verdict.no),
        ((NONE, WIDE), Verdict.not_shown),
        (((58, 70),), Verdict.not_shown),  # 64 +- 76
        (((64,),), Verdict.undetermined),
    ],
)
def test_claim_1(drops, verdict):
    assert breaks(of_types(*drops), forgotten=True) is verdict


@pytest.mark.parametrize(
    ("steps", "matched", "verdict"),
    [
        ((LARGE,), (LARGE,), Verdict.yes),
        ((LARGE, WIDE), (WIDE, LARGE), Verdict.steps),  # one type at equal steps, and another at matched forgetting
        ((LARGE,), (NONE,), Verdict.steps),
        ((LARGE,), (SMALL,), Verdict.small),
        ((LARGE, LARGE), (SMALL, WIDE), Verdict.small),
        ((WIDE,), (LARGE,), Verdict.not_shown),
        ((NONE,), (NONE,), Verdict.no),
        ((WIDE, WIDE), (NONE, WORSE), Verdict.no),
        ((NONE,), (WIDE,), Verdict.not_shown),
        ((LARGE,), ((40,),), Verdict.undetermined),  # one seed reaches a common forget loss
    ],
)
def test_claim_2(steps, matched, verdict):
    assert restores(of_types(*steps), of_types(*matched), 25.0) is verdict


def test_claim_2_is_not_comparable_where_the_runs_meet_before_they_have_forgotten():
    assert restores(of_types(LARGE), of_types(LARGE), 41.0) is Verdict.not_comparable
    assert restores(of_types(LARGE), of_types(LARGE), 40.0) is Verdict.yes
    assert restores(of_types(LARGE), of_types(LARGE), None) is Verdict.yes


def test_p_is_corrected_for_the_trigger_types_of_the_group():
    # 1, 2 and 3 have p = 0.0742; alone, and as the smallest of two and of three
    ps = [of_types(*[(1.0, 2.0, 3.0), WIDE, WIDE][:count]).corrected[TriggerType.option] for count in (1, 2, 3)]
    assert ps == pytest.approx([0.07418, 2 * 0.07418, 3 * 0.07418], rel=1e-3)


def test_a_drop_that_stands_out_alone_may_not_among_several():
    # p of 10, 12 and 16 is 0.0190: above 0.05 when multiplied by 3
    assert breaks(of_types((10, 12, 16)), forgotten=True) is Verdict.yes
    assert breaks(of_types((10, 12, 16), WIDE, WIDE), forgotten=True) is Verdict.not_shown


def test_what_has_not_forgotten_is_not_said_to_withstand_triggers():
    assert breaks(of_types(NONE), forgotten=False) is Verdict.not_forgotten
    assert breaks(of_types(WIDE), forgotten=False) is Verdict.not_forgotten
    assert breaks(of_types(LARGE), forgotten=False) is Verdict.yes
