from rna_bench.reporting.statistics.frame import groups
from rna_bench.reporting.statistics.verdicts import claims
from tests.builders.records import made, scored

LOOK = scored()


def told(*runs):
    base = made(1, scores=scored(0.99, 0.95), method="none")
    return claims(groups([base, *runs])).split("\n1. ")[0]


def test_where_all_forget_and_keep_one_line_says_so():
    assert "0. Every method forgets and keeps (at most 40% on each forget task" in told(made(1, scores=scored(0.4, 0.86)))


def test_what_does_not_forget_is_named_with_its_seeds_and_how_far_its_loss_came_down():
    plain = [made(seed, scores=scored(0.3), looks=[(2.0, LOOK), (0.5, LOOK)]) for seed in (1, 2)]
    noisy = [made(seed, 1.0, scored(0.3 + seed / 10), looks=[(2.0, LOOK), (1.5, LOOK)]) for seed in (1, 2)]
    line = (
        "rmu, noise 1 rms: **does not forget** wmdp: 45.0 (seed 1 40.0, seed 2 50.0); its forget loss ends at 1.50, "
        "without noise at 0.50."
    )
    assert line in told(*plain, *noisy)
    assert "rmu, noise 0:" not in told(*plain, *noisy)


def test_what_does_not_keep_is_named_with_what_it_kept():
    # base 95 less 10 points is 85
    assert "rmu, noise 0: **does not keep**: 84.0 of 95.0 (seed 1 84.0)." in told(made(1, scores=scored(0.3, 0.84)))
    assert "does not keep" not in told(made(1, scores=scored(0.3, 0.86)))


def test_without_a_base_row_nothing_is_said_of_keeping():
    assert "0." not in claims(groups([made(1, scores=scored(0.9))])).split("\n1. ")[0]
