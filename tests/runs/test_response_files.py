import math

import pandas
import pytest

from rna_bench.core.types import Response
from rna_bench.runs.attack_record import as_stored
from rna_bench.runs.response_files import write_rows

NAN, INF = math.nan, math.inf


def test_rows_are_read_as_they_were_written(tmp_path):
    rows = [("a", -0.1234567, 2), ("b", -INF, 0), ("a", NAN, 1)]
    write_rows(tmp_path / "rows.parquet", ("name", "logp", "answer"), {"logp": "float64", "answer": "int8"}, rows)
    frame = pandas.read_parquet(tmp_path / "rows.parquet")
    assert list(frame.columns) == ["name", "logp", "answer"]
    assert [str(frame[name].dtype) for name in ("logp", "answer")] == ["float64", "int8"]
    assert list(frame["logp"])[:2] == [-0.1234567, -INF]
    assert math.isnan(frame["logp"][2])


@pytest.mark.parametrize(
    ("logps", "stored"),
    [
        ((-1.0, -3.0, -2.0, -1.5), (0.0, -2.0, -1.0, -0.5)),
        ((-1.0 - 2**-13, -1.0, -9.0, -9.0), (-(2**-13), 0.0, -8.0, -8.0)),  # small differences keep their sign
        ((-1.0, -INF, -2.0, -2.0), (0.0, -INF, -1.0, -1.0)),
        ((-1.0, -1e9, -2.0, -2.0), (0.0, -INF, -1.0, -1.0)),  # beyond half precision
    ],
)
def test_a_response_under_attack_is_kept_relative_to_the_likeliest_letter(logps, stored):
    kept = as_stored(Response("task", "forget", "q1", "clean", logps, 0))
    assert kept.logps == stored


@pytest.mark.parametrize("logps", [(NAN, -1.0, -1.0, -1.0), (-1.0, NAN, -1.0, -1.0), (-INF,) * 4, (INF, -1.0, -1.0, -1.0)])
def test_what_was_not_finite_is_never_right(logps):
    assert not as_stored(Response("task", "forget", "q1", "clean", logps, 0)).right
