from dataclasses import replace

import pytest

from rna_bench.core.types import CLEAN, Score
from rna_bench.reporting.tables.write import build_tables
from tests.builders.records import make_record, scored


def named(records, name):
    return [row for table in build_tables(records) if table.name == name for row in table.rows]


def cell(rows, column, **asked):
    (row,) = [row for row in rows if all(row[key] == value for key, value in asked.items())]
    return row[column].mean


def test_three_noise_scales_make_a_curve_and_two_do_not():
    runs = [make_record(1, scale, scored(option=0.5 + scale / 10)) for scale in (0.0, 1.0, 2.0)]
    rows = named(runs, "noise_scale")
    assert [row["accuracy on"] for row in rows] == ["wmdp", "mmlu", "option"]
    assert [cell(rows, column, **{"accuracy on": "option"}) for column in ("0", "1 rms", "2 rms")] == pytest.approx([50, 60, 70])
    assert named(runs[:2], "noise_scale") == []


def test_the_run_without_noise_begins_the_curve_of_every_layer():
    plain = make_record(1, 0.0, scored(option=0.5))
    runs = [make_record(1, scale, scored(), change={"noise": {"layer": layer}}) for scale in (1.0, 2.0) for layer in (1, 2)]
    rows = [row for row in named([plain, *runs], "noise_scale") if row["accuracy on"] == "option"]
    assert sorted(row["settings"] for row in rows) == ["noise.layer=1.0", "noise.layer=2.0"]
    assert [row["0"].mean for row in rows] == pytest.approx([50.0, 50.0])


def test_layers_of_noise_stand_side_by_side():
    runs = [make_record(1, 0.0)] + [
        make_record(1, 1.0, scored(option=layer / 10), change={"noise": {"layer": layer}}) for layer in (1, 2)
    ]
    rows = named(runs, "noise_layer")
    assert cell(rows, "layer 1", **{"accuracy on": "option"}) == pytest.approx(10)
    assert cell(rows, "layer 2", **{"accuracy on": "option"}) == pytest.approx(20)
    assert all("settings" not in row for row in rows)
    assert named([make_record(1, 0.0), make_record(1, 1.0)], "noise_layer") == []


def test_steering_coefficients_stand_side_by_side_with_noise_and_without():
    runs = [
        make_record(1, scale, scored(c / 100), change={"method": {"steering_coefficient": c}})
        for c in (6.5, 20)
        for scale in (0.0, 1.0)
    ]
    rows = named(runs, "steering")
    assert cell(rows, "c = 6.5", **{"accuracy on": "wmdp", "noise": "0"}) == pytest.approx(6.5)
    assert cell(rows, "c = 20", **{"accuracy on": "wmdp", "noise": "1 rms"}) == pytest.approx(20)
    assert named([make_record(1, 0.0), make_record(1, 1.0)], "steering") == []


def test_subjects_have_a_row_each_and_records_without_them_none():
    def broken_down(seed, accuracy):
        part = (Score("mmlu", "retain", CLEAN, accuracy, None, 9, "law"), Score("mmlu", "retain", "option", 0.2, None, 9, "law"))
        return replace(make_record(seed), breakdown=part)

    (row,) = named([broken_down(1, 0.4), broken_down(2, 0.6), make_record(3)], "subjects")
    assert (row["task"], row["subject"]) == ("mmlu", "law")
    assert row[CLEAN].mean == pytest.approx(50.0)
    assert row[CLEAN].n == 2
    assert row["option"].mean == pytest.approx(20.0)
    assert named([make_record(1)], "subjects") == []


def test_trigger_types_have_their_drop_and_that_beyond_control():
    # clean 90, with the control 80, with the trigger 50
    (row,) = named([make_record(1, scores=scored(option=0.5, option_control=0.8))], "trigger_types")
    names = ("clean", "control", "trigger", "drop", "drop beyond control")
    assert [row[name].mean for name in names] == pytest.approx([90, 80, 50, 40, 30])
