"""results/paper_scale/bf16.md holds what its records and its CSV file say."""

import csv
import re
from pathlib import Path

from rna_bench.reporting.verification import verify_records
from tests.benchmarks.bf16 import shown
from tests.benchmarks.bf16_pocket import RECORDS, differences, table

FOLDER = Path(__file__).parents[1] / "results" / "paper_scale"
PAGE = (FOLDER / "bf16.md").read_text(encoding="utf-8")


def test_the_pages_table_of_pocket_is_that_of_its_records():
    made = table(RECORDS)
    assert len(made.splitlines()) > 6
    assert made in PAGE
    assert differences(RECORDS) in PAGE


def test_its_records_are_verified():
    verified = verify_records([RECORDS])
    assert verified
    assert [one.line for one in verified if one.problems] == []


def test_the_pages_shares_by_magnitude_are_those_of_its_file():
    with (FOLDER / "bf16_steps.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [shown(row) for row in rows if shown(row) not in PAGE] == []
    for row in rows:  # a step of lr is lost where it is less than half the distance
        lost = float(row["lr"]) < float(row["distance"]) / 2
        assert (float(row["step_1"]) > 0.99) is lost, row


def test_its_links_lead_somewhere():
    for link in re.findall(r"\]\((?!http)([^)#]+)", PAGE):
        assert (FOLDER / link).exists(), link
