"""The data frame for notebooks."""

import json
import subprocess
import sys
from pathlib import Path

import pandas
import pytest

import rna_bench
from rna_bench.core.types import Status
from rna_bench.reporting.tables.write import write_tables
from rna_bench.runs import record
from tests.builders.records import make_record, scored

RESULTS = Path(__file__).parents[2] / "results"


def test_there_is_a_row_for_each_run_task_and_perturbation(tmp_path):
    for run in (make_record(1, 1.0, scored(0.25, option=0.5)), make_record(2, status=Status.diverged)):
        record.write(tmp_path / "sweep" / run.identity, run, [])
    frame = rna_bench.load_results(str(tmp_path))
    assert len(frame) == 2 * 4
    (row,) = frame[(frame.seed == 1) & (frame.perturbation == "option")].to_dict("records")
    columns = ("model", "noise", "method", "noise_scale", "noise_unit", "noise_layer", "role", "task", "accuracy", "n", "status")
    assert [row[name] for name in columns] == ["tiny", "1 rms", "rmu", 1.0, "rms", 1, "retain", "mmlu", 0.5, 100, "finished"]
    assert set(frame.status) == {"finished", "diverged"}


def test_the_columns_are_those_that_the_documentation_names():
    frame = rna_bench.load_results(str(RESULTS / "published" / "pocket_methods"))
    documented = rna_bench.load_results.__doc__ or ""
    assert [column for column in frame if f"`{column}`" not in documented and not column.startswith("method.")] == []
    assert frame[frame.method == "none"].noise_scale.isna().all()
    assert pandas.api.types.is_integer_dtype(frame.noise_layer)


def test_training_and_the_methods_own_settings_are_columns():
    frame = rna_bench.load_results(str(RESULTS / "published" / "pocket_methods"))
    own = [column for column in frame if column.startswith("method.")]
    assert own == list(frame.columns[-len(own) :])
    assert {"method.layer", "method.steering_coefficient", "method.beta"} <= {*own}
    (steered,) = (
        frame[(frame.method == "rmu")][["lr", "batch_size", "retain_weight", "method.steering_coefficient"]]
        .drop_duplicates()
        .values
    )
    assert list(steered) == [1e-3, 16, 100.0, 90.0]  # conf/preset/pocket_rmu.yaml, pocket_steering.yaml
    assert frame[frame.method == "none"][["lr", "steps", *own]].isna().all().all()
    assert frame[frame.method == "rmu"]["method.beta"].isna().all()


def test_the_means_are_those_of_the_committed_tables():
    frame = rna_bench.load_results(str(RESULTS / "published" / "pocket"))
    rows = frame[(frame.model == "pocket world 0") & (frame.method == "rmu") & (frame.noise_scale == 2)]
    committed = pandas.read_csv(RESULTS / "tables" / "pocket" / "accuracy.csv")
    (row,) = committed[(committed.model == "pocket world 0") & (committed.method == "rmu") & (committed.noise == "2 rms")].to_dict(
        "records"
    )
    for column, chosen in (("pocket_hazard_1", rows.task == "pocket_hazard_1"), ("before", rows.perturbation == "before")):
        assert 100 * rows[chosen].accuracy.mean() == pytest.approx(row[column], abs=1e-3)


def test_damaged_records_and_those_of_another_version_are_warned_of_and_named_in_the_tables(tmp_path):
    cut, newer, good = (make_record(seed) for seed in (1, 2, 3))
    for run in (cut, newer, good):
        record.write(tmp_path / run.identity, run, [])
    path = tmp_path / cut.identity / record.RECORD
    path.write_text(path.read_text()[:100])
    path = tmp_path / newer.identity / record.RECORD
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 99}))
    with pytest.warns(UserWarning, match="left out") as warned:
        frame = rna_bench.load_results(str(tmp_path))
    assert set(frame.run) == {good.identity}
    assert sorted(str(warning.message).split(":")[1].strip() for warning in warned) == sorted([cut.identity, newer.identity])
    text = write_tables(tmp_path, tmp_path / "out")
    assert f"**Left out: {cut.identity}:" in text
    assert f"**Left out: {newer.identity}:" in text
    sources = pandas.read_csv(tmp_path / "out" / "sources.csv")
    assert set(sources[sources.status == "left out"].folder) == {cut.identity, newer.identity}


def test_importing_the_package_imports_no_library():
    code = "import sys, rna_bench; print(sorted({'pandas', 'numpy', 'torch', 'hydra', 'pydantic'} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"
