from rna_bench.reporting.statistics.frame import grouped
from rna_bench.reporting.statistics.verdicts import claims
from tests.builders.records import make_record, scored

POINT = scored()


def fitness(*runs):
    base = make_record(1, scores=scored(0.99, 0.95), method="none")
    return claims(grouped([base, *runs])).split("\n1. ")[0]


def test_where_all_forget_and_retain_one_line_says_so():
    assert "0. Every method forgets and retains (at most 40% on each forget task" in fitness(
        make_record(1, scores=scored(0.4, 0.86))
    )


def test_what_does_not_forget_is_named_with_its_seeds_and_how_far_its_loss_came_down():
    plain = [make_record(seed, scores=scored(0.3), eval_points=[(2.0, POINT), (0.5, POINT)]) for seed in (1, 2)]
    noisy = [make_record(seed, 1.0, scored(0.3 + seed / 10), eval_points=[(2.0, POINT), (1.5, POINT)]) for seed in (1, 2)]
    line = (
        "rmu, noise 1 rms: **does not forget** wmdp: 45.0 (seed 1 40.0, seed 2 50.0); its forget loss ends at 1.50, "
        "without noise at 0.50."
    )
    assert line in fitness(*plain, *noisy)
    assert "rmu, noise 0:" not in fitness(*plain, *noisy)


def test_what_does_not_retain_is_named_with_its_accuracy():
    # base 95 less 10 points is 85
    assert "rmu, noise 0: **does not retain**: 84.0 of 95.0 (seed 1 84.0)." in fitness(make_record(1, scores=scored(0.3, 0.84)))
    assert "does not retain" not in fitness(make_record(1, scores=scored(0.3, 0.86)))


def test_without_a_base_row_there_is_no_line_on_retaining():
    assert "0." not in claims(grouped([make_record(1, scores=scored(0.9))])).split("\n1. ")[0]
