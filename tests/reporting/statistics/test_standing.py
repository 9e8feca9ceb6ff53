"""Which method to use: the order of the rule, the worst drop, and the noise whose gain is shown."""

from dataclasses import replace

from rna_bench.core.types import Status, TriggerType
from rna_bench.reporting.statistics.frame import grouped
from rna_bench.reporting.statistics.rules import Verdict
from rna_bench.reporting.statistics.standing import Fit, standings
from rna_bench.reporting.tables.methods import methods_table
from rna_bench.reporting.tables.table import cell_text, csv, markdown
from tests.builders.records import make_record, scored

TWO = ("option", "option_control", "before", "before_control")
BASE = make_record(1, method="none", scores=scored(1.0, 1.0))


def method(name, forget=0.25, clean=1.0, trigger=0.8, **more):
    scores = scored(forget, clean, option=trigger, option_control=1.0)
    return make_record(1, method=name, scores=scores, change={"method": {"_target_": name}}, **more)


def order(*records):
    return [(one.group.method, one.fit) for one in standings(grouped(records))]


def test_what_forgets_and_retains_is_first_by_the_smallest_drop_and_what_has_not_forgotten_is_last():
    records = [
        BASE,
        method("npo_kl", forget=0.5, trigger=1.0),
        method("rsv", clean=0.5, trigger=1.0),
        method("rmu", trigger=0.2),
        method("grad_diff", trigger=0.9),
    ]
    expected = [("grad_diff", Fit.both), ("rmu", Fit.both), ("rsv", Fit.not_retained), ("npo_kl", Fit.not_forgotten)]
    assert order(*records) == order(*reversed(records)) == expected


def test_a_collapsed_model_does_not_win_because_nothing_can_be_taken_from_it():
    collapsed = method("ga", clean=0.25, trigger=0.25, status=Status.collapsed)
    assert order(BASE, collapsed, method("rmu", trigger=0.1)) == [("rmu", Fit.both), ("ga", Fit.not_retained)]


def test_each_forget_task_counts_by_itself():
    scores = (*scored(0.2), replace(scored(0.9)[0], task="wmdp_cyber"))
    assert order(BASE, make_record(1, scores=scores)) == [("rmu", Fit.not_forgotten)]


def test_without_a_base_run_or_forget_questions_it_is_said():
    assert order(method("rmu")) == [("rmu", Fit.base_missing)]
    asked = tuple(score for score in scored() if score.role == "retain")
    assert order(BASE, make_record(1, scores=asked)) == [("rmu", Fit.not_asked)]


def test_the_worst_drop_is_beyond_control_and_names_its_trigger_type():
    scores = scored(perturbations=TWO, option=0.5, option_control=0.6, before=0.6, before_control=0.9)
    (one,) = standings(grouped([make_record(1, scores=scores)]))
    assert (one.worst, round(one.drop.mean, 6)) == (TriggerType.before, 30.0)


def points(loss, trigger):
    return [(10.0, scored(0.5, 1.0, option=1.0)), (loss, scored(0.25, 1.0, option=trigger))]


def noisy(scale, forget=0.25, clean=1.0, trigger=0.9, loss=1.0):
    scores = scored(forget, clean, option=trigger, option_control=1.0)
    return make_record(1, scale, scores=scores, eval_points=points(loss, trigger))


PLAIN = make_record(1, scores=scored(0.25, 1.0, option=0.8, option_control=1.0), eval_points=points(1.0, 0.8))


def test_the_noise_shown_is_the_largest_that_still_forgets_and_retains():
    (one,) = standings(grouped([PLAIN, noisy(0.5), noisy(1.0), noisy(2.0, forget=0.9), noisy(3.0, clean=0.5)]))
    assert (one.gain.noise, round(one.gain.points.mean, 6), one.gain.verdict) == ("1 rms", 10.0, Verdict.undetermined)
    assert one.tried_noise == ("0.5 rms", "1 rms", "2 rms", "3 rms")


def noise_cell(*records):
    (row,) = methods_table(grouped(records)).rows
    return row["noise"]


def test_where_no_noise_forgets_or_none_was_run_it_is_said():
    assert noise_cell(PLAIN) == "not run"
    assert noise_cell(PLAIN, noisy(2.0, forget=0.9)) == "none of 2 rms"


def test_runs_with_noise_alone_have_a_row_that_says_so():
    (row,) = methods_table(grouped([noisy(1.0)])).rows
    assert (row["method"], row["noise"]) == ("rmu, noise 1 rms", "no run without noise")


def test_models_are_apart_and_runs_without_triggers_have_no_row():
    other = method("npo_kl", model="small", fingerprint="cc")
    rows = standings(grouped([other, method("rmu"), make_record(1, method="rsv", scores=scored(perturbations=()))]))
    assert [(one.group.model, one.group.method) for one in rows] == [("small", "npo_kl"), ("tiny", "rmu")]


def test_the_table_holds_numbers_in_csv_and_words_in_markdown():
    table = methods_table(grouped([BASE, PLAIN, noisy(1.0)]))
    assert cell_text(table.rows[0]["forgets, retains"]) == "yes"
    assert "worst drop low" in csv(table).splitlines()[0]
    assert "Which method should I use?" in markdown(table)
