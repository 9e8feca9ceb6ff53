import csv
import re

import pytest

from rna_bench.core.types import CLEAN, InputError, Score, Status
from rna_bench.reporting.statistics.frame import failed_groups, grouped
from rna_bench.reporting.statistics.intervals import accuracy_interval, difference_interval
from rna_bench.reporting.tables.table import cell_text
from rna_bench.reporting.tables.table import csv as csv_text
from rna_bench.reporting.tables.write import build_tables, write_tables
from rna_bench.runs import record
from tests.builders.records import OPTION, make_record, scored, tabled

T2 = 12.706205  # t(0.975, n - 1) for n = 2


def table(records, name):
    return next(one for one in build_tables(records) if one.name == name)


def test_accuracy_is_the_mean_over_seeds_with_its_half_width():
    # wmdp: 50 and 60 %: mean 55, s / sqrt(2) = 5, half 5 * 12.706205; mmlu with the trigger: 70 in both
    (row,) = table(
        [make_record(1, scores=scored(0.5, option=0.7)), make_record(2, scores=scored(0.6, option=0.7))], "accuracy"
    ).rows
    assert row["wmdp"] == accuracy_interval([50.0, 60.0], 100)
    assert row["option"] == accuracy_interval([70.0, 70.0], 100)
    assert row["option"].text() == "70.0 [60.4, 78.1] (q)"  # Wilson's interval of 70 of 100


def test_accuracy_under_a_trigger_weighs_retain_tasks_by_their_size():
    # 90 of 100 and 10 of 20 right: 100 / 120 = 83.33 %
    small = Score("mmlu_law", "retain", "option", 0.5, None, 20)
    (row,) = table(
        [make_record(1, scores=(*scored(option=0.9), small, Score("mmlu_law", "retain", CLEAN, 0.5, None, 20)))], "accuracy"
    ).rows
    assert row["option"].mean == pytest.approx(100 * 100 / 120)


def test_the_drop_is_what_the_trigger_costs_more_than_its_control():
    # control less trigger: 80 - 60 = 20, 80 - 50 = 30, 80 - 40 = 40: mean 30, s = 10, half = 4.302653 * 10 / sqrt(3) = 24.84138
    runs = [make_record(seed, scores=scored(option=a, option_control=0.8)) for seed, a in enumerate((0.6, 0.5, 0.4))]
    (row,) = table(runs, "drop").rows
    assert (row["option"].mean, row["option"].half) == (pytest.approx(30.0), pytest.approx(24.84138, abs=1e-4))


def test_the_robustness_gain_at_equal_steps_is_paired_by_seed():
    # seed 1: 60 - 50 = 10, seed 2: 90 - 70 = 20; mean 15, half 5 * 12.706205. Seed 3 has no baseline, seed 4 no run with noise.
    plain = [make_record(seed, 0.0, scores=scored(option=a)) for seed, a in ((1, 0.5), (2, 0.7), (4, 0.0))]
    noisy = [make_record(seed, 1.0, scores=scored(option=a)) for seed, a in ((1, 0.6), (2, 0.9), (3, 0.0))]
    rows = {row["at equal"]: row for row in table(plain + noisy, "robustness_gain").rows}
    assert (rows["steps"]["option"].mean, rows["steps"]["option"].half) == (pytest.approx(15.0), pytest.approx(5 * T2, abs=1e-4))


def test_the_robustness_gain_at_matched_forgetting_compares_where_both_first_reach_the_lowest_common_loss():
    # plain comes down to 2, noisy to 4: the level is 4. Plain passes it half way from 8 to 2 (log2: 3, 2, 1), at
    # (80 + 40) / 2 = 60 %; noisy has it at its end, at 70 %: the noise gains 10 points. Forget: 30 - (50 + 20) / 2 = -5.
    plain = make_record(1, 0.0, eval_points=((8, scored(0.5, option=0.8)), (2, scored(0.2, option=0.4))))
    noisy = make_record(1, 1.0, eval_points=((8, scored(0.5, option=0.8)), (4, scored(0.3, option=0.7))))
    rows = {row["at equal"]: row for row in table([plain, noisy], "robustness_gain").rows}
    assert rows["forgetting"]["option"] == difference_interval([70.0], [60.0], 100)
    assert rows["forgetting"]["forget"].mean == pytest.approx(-5.0)


def test_there_is_no_robustness_gain_at_matched_forgetting_without_eval_points():
    assert [row["at equal"] for row in table([make_record(1, 0.0), make_record(1, 1.0)], "robustness_gain").rows] == ["steps"]


def test_there_is_no_robustness_gain_without_a_baseline():
    names = [one.name for one in build_tables([make_record(1, 0.0, change={"train": {"steps": 3}}), make_record(1, 1.0)])]
    assert names == ["methods", "accuracy", "drop", "trigger_types"]


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"dtype": "bfloat16"}},
        {"train": {"lr": 0.2}},
        {"method": {"layer": 0}},
        {"noise": {"unit": "absolute"}},
        {"corpus": {"texts": 21}},
        {"dataset": {"other": {"role": "retain", "path": "/here", "limit": 0}}},
        {"trigger": {"types": ["option", "before"]}},
        {"threads": 2},
    ],
)
def test_runs_of_different_settings_are_never_in_one_group(change):
    groups = grouped([make_record(1, 1.0), make_record(2, 1.0, change=change)])
    assert sorted(list(group.runs) for group in groups) == [[1], [2]]


def test_runs_of_different_models_are_never_in_one_group():
    assert len(grouped([make_record(1), make_record(2, model="other")])) == 2


def test_runs_of_different_weights_under_one_name_are_never_in_one_group():
    assert len(grouped([make_record(1, fingerprint="aa"), make_record(1, fingerprint="zz")])) == 2


def test_a_whole_number_and_its_float_are_one_setting():
    assert len(grouped([make_record(1, 2), make_record(2, 2.0)])) == 1


def test_the_no_noise_baseline_serves_every_layer_of_noise():
    assert "robustness_gain" in [
        one.name for one in build_tables([make_record(1, 0.0), make_record(1, 1.0, change={"noise": {"layer": 0}})])
    ]


def test_rows_of_different_settings_can_be_told_apart():
    first, second = table([make_record(1), make_record(1, change={"retain": {"_target_": "OtherMSE"}})], "accuracy").rows
    assert first != second


def test_where_things_lie_does_not_part_groups():
    assert len(grouped([make_record(1), make_record(2, change={"model": {"path": "/there"}})])) == 1


def test_a_setting_that_varies_is_shown_and_one_that_does_not_is_not():
    assert [group.settings for group in grouped([make_record(1), make_record(1, change={"train": {"lr": 0.2}})])] == [
        "train.lr=0.1",
        "train.lr=0.2",
    ]


def test_the_base_row_comes_first_and_noise_scales_rise():
    runs = [make_record(1, 2.0), make_record(1, 0.5), make_record(1, 0.0), make_record(1, method="none")]
    assert [(group.method, group.noise) for group in grouped(runs)] == [
        ("none", "-"),
        ("rmu", "0"),
        ("rmu", "0.5 rms"),
        ("rmu", "2 rms"),
    ]


def test_a_collapsed_run_counts_and_a_diverged_one_does_not():
    good, collapsed = make_record(1, scores=scored(0.5)), make_record(2, scores=scored(0.1), status=Status.collapsed)
    diverged, empty = make_record(3, scores=scored(0.1), status=Status.diverged), make_record(4, scores=())
    (group,) = grouped([good, collapsed, diverged, empty])
    assert list(group.runs) == [1, 2]
    assert (group.collapsed, group.uncounted) == ((collapsed,), (diverged, empty))


def test_a_group_of_which_no_run_counts_is_a_failed_one():
    groups = [make_record(1), make_record(2, 1.0, status=Status.diverged)]
    assert [list(group.runs) for group in grouped(groups)] == [[1]]
    assert [(group.noise, len(group.uncounted)) for group in failed_groups(groups)] == [("1 rms", 1)]


def test_a_group_that_failed_as_a_whole_has_a_row_with_the_reason():
    runs = [make_record(1), *(make_record(seed, 1.0, status=Status.diverged) for seed in (1, 2)), make_record(3, 1.0, scores=())]
    one = table(runs, "accuracy")
    assert [cell_text(row["seeds"]) for row in one.rows] == ["1", "0 + 2 diverged + 1 without scores"]
    assert one.rows[1]["reason"] == "why it did; without scores"
    assert "one that diverged or has no scores counts in no mean" in one.note
    assert "0,0,3" in csv_text(one).splitlines()[2]


def test_seeds_say_how_many_collapsed():
    runs = [make_record(1), make_record(2, status=Status.collapsed), make_record(3, status=Status.diverged)]
    assert cell_text(table(runs, "accuracy").rows[0]["seeds"]) == "2 (1 collapsed) + 1 diverged"


def test_failed_runs_are_named_below_the_tables(tmp_path):
    diverged, collapsed = make_record(2, status=Status.diverged), make_record(3, status=Status.collapsed)
    text = tabled([make_record(1), diverged, collapsed], tmp_path)
    assert f"Counted in no mean: {diverged.identity} (diverged: why it did)." in text
    assert f"Collapsed, and counted: {collapsed.identity} (collapsed: why it did)." in text


def test_sources_name_the_sweeps_beside_that_have_the_same_run(tmp_path):
    one, other = make_record(1), make_record(2, scores=scored(0.3))
    again = make_record(1, change={"train": {"lr": 0.1, "written": "otherwise"}})
    for sweep, run in (("a", one), ("a", other), ("b", again), ("c", one)):
        record.write(tmp_path / sweep / run.identity, run, [])
    write_tables(tmp_path / "a", tmp_path / "a" / "tables")
    rows = csv.DictReader((tmp_path / "a" / "tables" / "sources.csv").open())
    assert {row["identity"]: row["also_in"] for row in rows} == {one.identity: "b c", other.identity: ""}


def test_two_models_called_local_are_told_apart_in_every_table():
    runs = [
        make_record(1, scale, model="local", fingerprint=name * 2, change={"model": {"path": f"/models/{name}"}})
        for name in ("A", "B")
        for scale in (0.0, 1.0)
    ]
    for one in build_tables(runs):
        assert {row["model"] for row in one.rows} == {"local (A)", "local (B)"}


def test_rows_of_different_dtype_are_called_not_comparable(tmp_path):
    text = tabled([make_record(1), make_record(1, change={"model": {"dtype": "bfloat16"}})], tmp_path)
    assert "Rows of different dtype (bfloat16, float32) are not comparable" in text


def test_runs_with_different_trigger_types_can_be_tabled_together(tmp_path):
    four = make_record(
        1, scores=scored(perturbations=(*OPTION, "before", "before_control")), change={"trigger": {"types": ["option", "before"]}}
    )
    tabled([four, make_record(1)], tmp_path)


def test_runs_without_forget_questions_can_be_tabled(tmp_path):
    retain = tuple(score for score in scored() if score.role == "retain")
    tabled([make_record(1, 0.0, retain), make_record(1, 1.0, retain)], tmp_path)


def both(seed=1):
    return [
        make_record(seed, method="none"),
        make_record(seed, 0.0, eval_points=((8, scored()),)),
        make_record(seed, 1.0, eval_points=((8, scored()),)),
    ]


def test_files_are_written_in_markdown_csv_and_latex(tmp_path):
    text = tabled(both(), tmp_path)
    tables = ("methods", "accuracy", "drop", "robustness_gain", "trigger_types", "tests", "tests_each")
    names = {f"{name}.{suffix}" for name in tables for suffix in ("csv", "tex")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names | {"tables.md", "sources.csv"}
    assert (tmp_path / "out" / "tables.md").read_text(encoding="utf-8") == text
    assert "From 3 records" in text
    assert "code revision 0123456789" in text


def test_csv_keeps_intervals_as_numbers(tmp_path):
    tabled([make_record(1, scores=scored(0.5)), make_record(2, scores=scored(0.6))], tmp_path)
    with (tmp_path / "out" / "accuracy.csv").open() as handle:
        (row,) = csv.DictReader(handle)
    assert float(row["wmdp"]) == pytest.approx(55.0)
    expected = accuracy_interval([50.0, 60.0], 100)
    assert (float(row["wmdp low"]), float(row["wmdp high"])) == (
        pytest.approx(expected.low, rel=1e-5),
        pytest.approx(expected.high, rel=1e-5),
    )
    assert row["wmdp interval over"] == "seeds"
    assert row["wmdp n"] == "2"


def test_markdown_shows_mean_and_half_width_with_one_decimal(tmp_path):
    # .5 * 12.706205 = 6.353
    assert "50.5 ± 6.4" in tabled([make_record(1, scores=scored(0.5)), make_record(2, scores=scored(0.51))], tmp_path)


def well_formed(text):
    """Braces balance, environments close in order, and no special character stands bare (but where a line is a comment)."""
    text = "\n".join(line for line in text.splitlines() if not line.startswith("% "))
    assert text.count(r"\caption") == 1
    depth = 0
    for mark in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if mark == "{" else -1
        assert depth >= 0
    assert depth == 0
    opened = []
    for word, name in re.findall(r"\\(begin|end)\{(\w+)\}", text):
        opened.append(name) if word == "begin" else None
        assert opened
        assert word == "begin" or opened.pop() == name
    assert not opened
    assert not re.search(r"(?<!\\)[_%#]", text)
    ends = {len(re.findall(r"(?<!\\)&", line)) for line in text.splitlines() if line.endswith(r"\\") and "caption" not in line}
    assert len(ends) == 1  # every row has as many columns


def test_latex_is_well_formed_and_escaped(tmp_path):
    runs = [run for seed in (1, 2) for run in both(seed)] + [make_record(1, 1.0, method="adaptive_rmu", model="my_model")]
    tabled(runs, tmp_path)
    for name in ("accuracy", "drop", "robustness_gain", "trigger_types", "tests", "tests_each"):
        text = (tmp_path / "out" / f"{name}.tex").read_text(encoding="utf-8")
        well_formed(text)
    assert r"adaptive\_rmu" in (tmp_path / "out" / "accuracy.tex").read_text(encoding="utf-8")
    assert "±" not in (tmp_path / "out" / "accuracy.tex").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["R&D", "95% pruned", "run #3"])
def test_latex_escapes_a_models_name(tmp_path, name):
    tabled([make_record(1, model=name)], tmp_path)
    well_formed((tmp_path / "out" / "accuracy.tex").read_text(encoding="utf-8"))


def test_latex_escapes_a_regular_expression_that_varies(tmp_path):
    tabled([make_record(1, change={"train": {"parameters": rf"model\.layers\.{layer}\.mlp"}}) for layer in (0, 1)], tmp_path)
    assert r"\." not in (tmp_path / "out" / "accuracy.tex").read_text(encoding="utf-8")


def test_a_file_in_place_of_the_output_folder_is_an_error_that_names_it(tmp_path):
    record.write(tmp_path / "runs" / make_record(1).identity, make_record(1), [])
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(InputError, match=r"--out=.*choose another folder"):
        write_tables(tmp_path / "runs", tmp_path / "out")


def test_tables_depend_on_the_records_alone_and_not_on_their_order():
    runs = both(1) + both(2)
    assert [one.rows for one in build_tables(runs)] == [one.rows for one in build_tables(runs[::-1])]
