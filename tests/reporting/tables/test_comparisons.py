import math
from dataclasses import replace

import pytest

from rna_bench.core.types import CLEAN
from rna_bench.reporting.statistics.frame import grouped
from rna_bench.reporting.statistics.pairs import forgotten_pairs
from rna_bench.reporting.statistics.significance import holm, mcnemar, paired_t
from rna_bench.reporting.tables.write import build_tables, tables_of, write_tables
from rna_bench.runs import record
from tests.builders.records import make_record, response, scored, tabled

QUESTIONS = 40


def rows(records, name, **asked):
    every = next(table for table in build_tables(records) if table.name == name).rows
    return [row for row in every if all(row[key] == value for key, value in asked.items())]


def test_the_test_over_seeds_is_the_paired_t_test_corrected_for_all_groups():
    # rmu gains 10, 20 and 30 points, adaptive_rmu 1, 2 and 3.1
    gains = {"rmu": (0.1, 0.2, 0.3), "adaptive_rmu": (0.01, 0.02, 0.031)}
    runs = [
        make_record(
            seed, scale, scored(option=0.5 + (gain if scale else 0)), method=method, change={"method": {"_target_": method}}
        )
        for method, of_seed in gains.items()
        for seed, gain in enumerate(of_seed)
        for scale in (0.0, 1.0)
    ]
    tests = rows(runs, "tests")
    raw = [paired_t([100 * gain for gain in gains[row["method"]]]).p for row in tests]
    assert [row["method"] for row in tests] == ["adaptive_rmu", "rmu"]
    assert [row["p seeds"].p for row in tests] == pytest.approx(raw)
    assert [row["Holm seeds"].p for row in tests] == pytest.approx(holm(raw))
    assert [row["comparisons"] for row in tests] == ["2", "2"]


def test_one_seed_has_a_difference_and_no_p():
    (row,) = rows([make_record(1, 0.0, scored(option=0.5)), make_record(1, 1.0, scored(option=0.7))], "tests")
    assert row["difference"].mean == pytest.approx(20.0)
    assert row["p seeds"] == row["Holm seeds"] == row["comparisons"] == ""


def test_each_measure_is_tested_and_trigger_types_are_one_family():
    perturbations = ("option", "option_control", "before", "before_control")
    runs = [
        make_record(seed, scale, scored(0.25 + seed / 100 * scale, perturbations=perturbations, option=0.5 + seed / 50 * scale))
        for seed in (1, 2)
        for scale in (0.0, 1.0)
    ]
    counts = {row["measure"]: row["comparisons"] for row in rows(runs, "tests_each")}
    assert counts == {"forget": "1", "retain": "1", "option": "2", "before": "2"}


def test_differences_that_do_not_vary_have_a_reason_in_place_of_a_p_and_count_as_comparisons():
    # option gains 10 and 20 points: t = 3 with 1 degree of freedom, p = 1 - 2 atan(3) / pi = 0.2048, times 2 for two trigger types
    perturbations = ("option", "option_control", "before", "before_control")
    runs = [
        make_record(seed, scale, scored(perturbations=perturbations, option=0.5 + seed / 10 * scale, before=0.3 + 0.1 * scale))
        for seed in (1, 2)
        for scale in (0.0, 1.0)
    ]
    option, before = (rows(runs, "tests_each", measure=name)[0] for name in ("option", "before"))
    assert option["Holm seeds"].p == pytest.approx(2 * (1 - 2 * math.atan(3) / math.pi))
    assert "why no p" not in option
    assert (before["p seeds"], before["Holm seeds"], before["why no p"], before["comparisons"]) == (
        "",
        "",
        "equal in all seeds",
        "2",
    )


def test_residue_of_interpolation_counts_as_no_difference():
    # at the common forget loss of 4 the plain run is between two eval points of forget accuracy 0.3, which interpolation leaves at
    # 30 but for the last bits
    plain = [make_record(seed, 0.0, eval_points=((8, scored(0.3)), (4.1 - seed, scored(0.3)))) for seed in (1, 2)]
    noisy = [make_record(seed, 1.0, eval_points=((8, scored(0.3)), (4, scored(0.3)))) for seed in (1, 2)]
    (row,) = rows(plain + noisy, "tests_each", measure="forget", **{"at equal": "forget loss"})
    assert row["difference"].mean == 0
    assert row["why no p"] == "equal in all seeds"


def test_runs_are_compared_where_their_forget_accuracy_first_comes_down_to_the_level():
    # plain: 90 -> 20%, so 40% is 5/7 of the way, noisy 80 -> 40: at its end. Under the trigger plain 90 -> 20 gives 40, noisy 70
    plain = make_record(1, 0.0, eval_points=((8, scored(0.9, option=0.9)), (2, scored(0.2, option=0.2))))
    noisy = make_record(1, 1.0, eval_points=((8, scored(0.8, option=0.8)), (4, scored(0.4, option=0.7))))
    first, second = grouped([plain, noisy])
    (pair,) = forgotten_pairs(second, first, 40)
    (row,) = rows([plain, noisy], "tests", **{"at equal": "forget accuracy"})
    assert pair.baseline(lambda scores: 100 * scores[-2].accuracy) == pytest.approx(40.0)
    assert row["difference"].mean == pytest.approx(30.0)


def test_runs_of_which_one_does_not_forget_are_not_compared_by_accuracy():
    plain = make_record(1, 0.0, eval_points=((8, scored(0.9)), (2, scored(0.2))))
    noisy = make_record(1, 1.0, eval_points=((8, scored(0.9)), (4, scored(0.41))))
    assert "forget accuracy" not in {row["at equal"] for row in rows([plain, noisy], "tests")}


def written(folder, run, right, clean=QUESTIONS, start=0):
    """Write the run; of its questions the first `clean` are right as they are, and `right` from `start` on with the trigger."""
    responses = [response(f"q{n:02}", CLEAN, 0 if n < clean else 1) for n in range(QUESTIONS)]
    responses += [response(f"q{n:02}", "option", 0 if start <= n < start + right else 1) for n in range(QUESTIONS)]
    scores = (*scored(clean=clean / QUESTIONS, option=right / QUESTIONS, n=QUESTIONS),)
    run = replace(run, scores=tuple(score for score in scores if score.role == "retain"))
    record.write(folder / run.identity, run, responses)
    return run


def of_questions(tmp_path, runs, name):
    from rna_bench.reporting.statistics.responses import read_response_matrices
    from rna_bench.runs.collection import Recorded

    matrices = read_response_matrices(Recorded(run, tmp_path / run.identity) for run in runs)
    return next(table for table in tables_of(grouped(runs), matrices.by_run) if table.name == name).rows


def test_the_test_over_questions_of_one_seed_is_mcnemars(tmp_path):
    # plain has questions 0-9 right, noisy 4-23: 14 gained, 4 lost
    runs = [written(tmp_path, make_record(1, 0.0), 10), written(tmp_path, make_record(1, 1.0), 20, start=4)]
    (row,) = [row for row in of_questions(tmp_path, runs, "tests_each") if row["measure"] == "option"]
    assert row["p questions"].p == pytest.approx(mcnemar(14, 4))
    assert row["McNemar"] == "+1 -0"
    assert row["other questions"].value == pytest.approx(25.0)
    assert row["other questions"].low < 25 < row["other questions"].high


def test_runs_with_other_questions_are_not_compared_question_by_question(tmp_path):
    other = replace(make_record(1, 1.0), fingerprints={"model": "aa", "questions": "zz"})
    runs = [written(tmp_path, make_record(1, 0.0), 10), written(tmp_path, other, 20)]
    rows = [row for row in of_questions(tmp_path, runs, "tests_each") if row["measure"] == "option"]
    assert [row["p questions"] for row in rows] == [""]


def test_recovery_has_an_interval_and_is_undefined_where_the_drop_is_too_small(tmp_path):
    # of a drop of 40 - 10 = 30 questions 15 are recovered; with 39 of 40 right there is nothing to recover
    seeds = (1, 2, 3)
    runs = [written(tmp_path, make_record(seed, 0.0), 10) for seed in seeds]
    runs += [written(tmp_path, make_record(seed, 1.0), 25) for seed in seeds]
    (row,) = of_questions(tmp_path, runs, "recovery")
    assert row["option"].mean == pytest.approx(50.0)
    assert row["option"].low < 50 < row["option"].high
    little = [written(tmp_path / "little", make_record(seed, scale), 39) for seed in (1, 2) for scale in (0.0, 1.0)]
    (row,) = of_questions(tmp_path / "little", little, "recovery")
    assert row["option"] == "drop too small for its spread: 2.5 ± 31.8"


def test_recovery_at_matched_forgetting_is_over_seeds():
    # at the common loss of 2: clean 90; without noise 50 and with it 70 under the trigger, in both seeds: 20 of 40 points. Seeds
    # that are equal have no interval over seeds
    runs = [
        make_record(seed, scale, eval_points=((8, scored(option=0.9)), (2, scored(option=at))))
        for seed in (1, 2)
        for scale, at in ((0.0, 0.5), (1.0, 0.7))
    ]
    (row,) = rows(runs, "recovery", **{"at equal": "forget loss"})
    assert row["option"][:4] == (pytest.approx(50.0), None, None, 2)


def test_responses_that_cannot_be_read_are_named_in_the_tables(tmp_path):
    tabled([make_record(1, 0.0), make_record(1, 1.0)], tmp_path)
    missing = make_record(1, 1.0).identity
    (tmp_path / "runs" / missing / record.QUESTIONS).unlink()
    assert f"**Left out: responses of {missing}" in write_tables(tmp_path / "runs", tmp_path / "out")
