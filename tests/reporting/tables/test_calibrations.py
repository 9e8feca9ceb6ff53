import math

import pandas
import pytest

import rna_bench
from rna_bench.core.types import Response, TriggerType
from rna_bench.reporting.statistics.frame import grouped
from rna_bench.reporting.tables.calibrations import calibration_table
from rna_bench.reporting.tables.write import write_tables
from rna_bench.runs import record
from tests.builders.records import make_record

SURE = tuple(map(math.log, (0.7, 0.1, 0.1, 0.1)))


def test_a_row_is_the_mean_over_the_seeds_that_have_a_calibration():
    runs = [make_record(seed, 1.0) for seed in (1, 2, 3)]
    by_run = {runs[0].identity: {"retain": 1.0, "option": 98.0}, runs[1].identity: {"retain": 3.0, "option": 100.0}}
    (row,) = calibration_table(grouped(runs), by_run, [TriggerType.option]).rows
    assert (row["retain"].mean, row["retain"].n) == (2.0, 2)
    assert (row["retain"].low, row["option"].high) == (0.0, 100.0)  # Student's t alone would leave 0 to 100
    assert row["forget"] == ""
    assert calibration_table(grouped(runs), {}, []).rows == []


def test_the_table_stands_beside_accuracy_and_its_numbers_are_in_the_data_frame(tmp_path):
    for seed in (1, 2):
        run = make_record(seed, 1.0)
        record.write(tmp_path / "runs" / run.identity, run, [Response("mmlu", "retain", "q", "clean", SURE, 0)])
    text = write_tables(tmp_path / "runs", tmp_path / "out")
    assert text.index("## Accuracy") < text.index("## Calibration") < text.index("## Trigger-induced drop")
    (row,) = pandas.read_csv(tmp_path / "out" / "calibration.csv").to_dict("records")
    assert row["retain"] == pytest.approx(30.0, abs=1e-4)
    frame = rna_bench.load_results(str(tmp_path / "runs"))
    own = frame[(frame.task == "mmlu") & (frame.perturbation == "clean")].calibration_error
    assert own.tolist() == pytest.approx([0.3, 0.3], abs=1e-6)
    assert frame[frame.perturbation == "option"].calibration_error.isna().all()
