"""No record keeps tables, figures, the page or the data frame from being made of the others."""

import warnings

import pytest

import rna_bench
from rna_bench.reporting.figures.files import write_figures
from rna_bench.reporting.page.build import write_report
from rna_bench.reporting.tables.write import write_tables
from rna_bench.runs import record
from tests.builders.hostile import odd_records, unusable_records
from tests.builders.records import make_record, pairs
from tests.builders.records import response as answered

ODD, UNUSABLE = odd_records(), unusable_records()


def folder_of(path, *runs):
    for run in (*pairs(), make_record(1, method="none"), *runs):
        record.write(path / "runs" / run.identity, run, [answered("law/1", "clean", 0)] * (run not in runs))
    return path / "runs"


def write_with_nan(folder, run):
    """Write the record with NaN as it stands, which our own writer turns into null."""
    text = record._adapter().dump_json(run).decode()
    there = folder / run.identity / record.RECORD
    there.parent.mkdir()
    there.write_text(text.replace('"accuracy":null', '"accuracy":NaN'))


@pytest.mark.parametrize("name", ODD)
def test_an_odd_record_is_shown_or_named_and_blocks_nothing(tmp_path, name):
    folder = folder_of(tmp_path, ODD[name])
    assert "## Accuracy" in write_tables(folder, tmp_path / "tables")
    assert write_figures(folder, tmp_path / "figures").startswith("# Figures")
    assert ODD[name].identity in write_report(folder, tmp_path / "report.html") + (tmp_path / "report.html").read_text()
    with warnings.catch_warnings(action="error"):
        assert len(rna_bench.load_results(str(folder)))


@pytest.mark.parametrize("reason", UNUSABLE)
def test_an_unusable_record_is_named_with_the_reason_and_blocks_nothing(tmp_path, reason):
    folder = folder_of(tmp_path)
    write_with_nan(folder, UNUSABLE[reason])
    text = write_tables(folder, tmp_path / "tables")
    assert f"Left out: {UNUSABLE[reason].identity}: record={folder}" in text
    said = reason if reason in text else "was changed"  # reading checks a record's identity first
    assert said in text
    assert said in write_figures(folder, tmp_path / "figures")
    assert said in write_report(folder, tmp_path / "report.html")
    with pytest.warns(UserWarning, match=r"left out: \w+: record="):
        rna_bench.load_results(str(folder))
