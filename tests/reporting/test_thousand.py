"""Tables of 1,000 records: published ones with other seeds and noise scales."""

import json
from pathlib import Path

import pandas
import pytest

from rna_bench.reporting.tables.write import write_tables
from rna_bench.runs.record import QUESTIONS, RECORD
from rna_bench.runs.upgrade import identity_then

PUBLISHED = Path(__file__).parents[2] / "results" / "published" / "pocket"


def copies(folder: Path, count: int) -> None:
    """Write `count` records: each round copies all of them with other seeds, and every other round with other noise scales too."""
    sources = [(json.loads((run / RECORD).read_text()), run / QUESTIONS) for run in sorted(PUBLISHED.iterdir()) if run.is_dir()]
    for number in range(count):
        turn, (record, questions) = number // len(sources), sources[number % len(sources)]
        noise, config = record["config"].get("noise") or {}, record["config"]
        scale = noise.get("scale", 0) * (1 + turn % 2 / 10)
        config = config | {"seed": config["seed"] + 5 * (turn // 2)} | ({"noise": noise | {"scale": scale}} if noise else {})
        name = identity_then(config, record["fingerprints"])
        if (folder / name).exists():  # without noise there is no other scale
            config["seed"] += 1000
            name = identity_then(config, record["fingerprints"])
        (folder / name).mkdir(parents=True)
        (folder / name / RECORD).write_text(json.dumps(record | {"config": config, "identity": name}))
        (folder / name / QUESTIONS).symlink_to(questions)


@pytest.mark.slow
def test_a_thousand_records_make_tables(tmp_path):
    copies(tmp_path / "runs", 1000)
    text = write_tables(tmp_path / "runs", tmp_path / "out")
    assert "From 1000 records" in text
    assert len(pandas.read_csv(tmp_path / "out" / "sources.csv")) == 1000
    tests = pandas.read_csv(tmp_path / "out" / "tests.csv")
    assert set(tests.comparisons) == {32}  # 2 worlds, 2 methods, 4 scales and 4 others
    assert tests["difference n"].between(20, 25).all()  # the last round is cut short at 1,000
