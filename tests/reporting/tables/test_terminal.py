"""Tables in a terminal: they fit it, and no cell is lost."""

import re
import sys
from pathlib import Path

import pytest

from rna_bench.core.conf_files import config_folder
from rna_bench.reporting.tables.table import Table, cell_text
from rna_bench.reporting.tables.terminal import findings_text, table_text
from rna_bench.reporting.tables.write import find_out
from rna_bench.runs import record
from tests.builders.records import make_record, scored

RESULTS = config_folder("conf").parent / "results/published"


def rows(*values):
    return [dict(zip(("model", "method", "noise", "seeds", "one"), row, strict=True)) for row in values]


def test_what_all_rows_share_stands_above_them_once():
    table = Table("t", "Title", "A note. And more.", rows(("m", "rmu", "0", "5", "1.0"), ("m", "npo", "0", "5", "2.0")))
    assert table_text(table).splitlines() == [
        "Title (m, seeds 5)",
        "",
        "method  noise  one",
        "rmu     0      1.0",
        "npo     0      2.0",
        "",
        "A note.",
    ]


def test_rows_of_several_models_stand_below_their_model():
    table = Table(
        "t", "Title", "", rows(("m", "rmu", "0", "5", "1.0"), ("k", "rmu", "0", "4", "2.0"), ("k", "npo", "0", "5", "3.0"))
    )
    assert table_text(table).splitlines()[2:7] == [
        "method  noise  seeds  one",
        "m",
        "rmu     0      5      1.0",
        "k",
        "rmu     0      4      2.0",
    ]


def test_one_row_alone_keeps_its_columns():
    assert "seeds 5" not in table_text(Table("t", "Title", "", rows(("m", "rmu", "0", "5", "1.0"))))


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", ["pocket_methods", "presets", "pocket_noise_layer"])
def test_the_findings_fit_the_terminal_and_no_cell_is_lost(name, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    found = find_out(RESULTS / name)
    text = findings_text(found, Path("out/tables.md"))
    assert [line for line in text.splitlines() if len(line) > columns] == []
    assert text.splitlines()[-1] == "out/tables.md"
    words = re.sub(r"\s+", " ", text)
    for table in [*found.first, *(table for table in found.others if table.name in ("accuracy", "drop"))]:
        for row in table.rows:
            lost = [cell for cell in map(cell_text, row.values()) if len(cell) <= 24 and cell not in words]
            assert lost == [], table.name


def test_the_verdicts_stand_before_the_tables_and_the_other_tables_are_named(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = findings_text(find_out(RESULTS / "pocket_methods"), Path("tables.md"))
    places = [
        text.index(title)
        for title in ("Which method should I use?", "Verdicts", "\nAccuracy", "Trigger-induced drop", "Also there: ")
    ]
    assert places == sorted(places)
    assert "**" not in text
    assert "\033" not in text  # no terminal, no colours


def test_what_does_not_retain_is_named_below_the_verdicts(tmp_path):
    base = [make_record(seed, scores=scored(0.99, 0.95), method="none") for seed in (1, 2)]
    for one in (*base, *(make_record(seed, scale, scored(0.25, 0.6 + scale / 10)) for seed in (1, 2) for scale in (0.0, 1.0))):
        record.write(tmp_path / one.identity, one, [])
    text = findings_text(find_out(tmp_path), Path("tables.md"))
    assert "- tiny, rmu, noise 1 rms: does not retain: 70.0 of 95.0" in " ".join(text.split())


def test_a_terminal_has_the_titles_in_bold_unless_colours_are_not_wanted(monkeypatch):
    table = Table("t", "Title", "A note.", rows(("m", "rmu", "0", "5", "1.0")))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert table_text(table).startswith("\033[1mTitle\033[0m\n")
    monkeypatch.setenv("NO_COLOR", "1")
    assert table_text(table).startswith("Title\n")


def test_a_folder_without_what_claims_need_has_tables_and_no_verdicts(tmp_path):
    for one in (make_record(1, scores=scored(0.5)), make_record(2, scores=scored(0.6))):
        record.write(tmp_path / one.identity, one, [])
    text = findings_text(find_out(tmp_path), Path("tables.md"))
    assert "Accuracy" in text
    assert text.endswith("tables.md")
