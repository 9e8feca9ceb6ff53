"""Tables of 1,000 records: published ones with other seeds and noise scales."""

from pathlib import Path

import pandas
import pytest

from rna_bench.reporting.tables.write import write_tables
from rna_bench.runs.collection import collect
from rna_bench.runs.identity import identity
from tests.builders.many import write_copy

PUBLISHED = Path(__file__).parents[2] / "results" / "published" / "pocket"


def copies(folder: Path, count: int) -> None:
    """Write `count` records: each round copies all of them with other seeds, and every other round with other noise scales too."""
    sources = collect(PUBLISHED).runs
    for number in range(count):
        turn, run = number // len(sources), sources[number % len(sources)]
        noise, config = run.record.config.get("noise") or {}, run.record.config
        scale = noise.get("scale", 0) * (1 + turn % 2 / 10)
        config = config | {"seed": config["seed"] + 5 * (turn // 2)} | ({"noise": noise | {"scale": scale}} if noise else {})
        if (folder / identity(config, run.record.fingerprints)).exists():  # without noise there is no other scale
            config["seed"] += 1000
        write_copy(folder, run, config)


@pytest.mark.slow
def test_a_thousand_records_make_tables(tmp_path):
    copies(tmp_path / "runs", 1000)
    text = write_tables(tmp_path / "runs", tmp_path / "out")
    assert "From 1000 records" in text
    assert len(pandas.read_csv(tmp_path / "out" / "sources.csv")) == 1000
    tests = pandas.read_csv(tmp_path / "out" / "tests.csv")
    by_moment = tests.groupby("at equal").comparisons.agg(set).to_dict()
    assert by_moment["steps"] == by_moment["forget loss"] == {32}  # 2 worlds, 2 methods, 4 scales and 4 others
    assert by_moment["forget accuracy"] == {28}  # on world 1 both methods do not come down to it at 2 rms and at 2.2
    every_seed = tests[tests["at equal"] != "forget accuracy"]  # to which at 2 rms not every seed comes down
    assert every_seed["difference n"].between(20, 25).all()  # the last round is cut short at 1,000
    assert (tests["difference n"] <= 25).all()
