"""The short table of attacks: a row a method, a column an attack, on numbers that can be worked out by hand."""

import pytest

from rna_bench.reporting.statistics.attacks import AttackKey, Recovered, RecoveredRun
from rna_bench.reporting.statistics.frame import grouped
from rna_bench.reporting.tables.recovered import recovered_table
from tests.builders.records import make_record, scored

RELEARN, LAYER, BEST = AttackKey("relearn", "{}", ""), AttackKey("probe", "{}", "layer 1"), AttackKey("probe", "{}", "best layer")


def answered(*shares, diagnostic=False):
    """Return what is recovered at rising budgets: the first so many of four facts."""
    right = {("wmdp", str(n)): tuple(float(n < 4 * share) for share in shares) for n in range(4)}
    return Recovered(tuple(range(len(shares))), right, diagnostic=diagnostic)


def table(runs):
    return recovered_table(grouped([run for run, _ in runs]), {run.identity: RecoveredRun(own, 0.0) for run, own in runs})


def test_a_row_has_the_accuracy_at_the_end_of_each_attack_and_no_depth_without_a_gold_reference():
    base, rmu = make_record(1, method="none"), make_record(1)
    found = table(
        [
            (base, {RELEARN: answered(1, 1), BEST: answered(1)}),
            (rmu, {RELEARN: answered(0.25, 0.75), BEST: answered(0.5), LAYER: answered(1)}),
        ]
    )
    (first, second) = found.rows
    assert (first["method"], second["method"]) == ("none", "rmu")
    assert (second["relearn"].mean, second["probe"].mean) == (75.0, 50.0)  # of the probe without its single layers
    assert second["depth, relearn"] == ""  # no gold reference
    assert "depth, probe" not in second  # there is one budget


def test_an_attack_with_several_settings_and_a_diagnostic_have_no_column():
    other = AttackKey("relearn", '{"lr": 1}', "")
    interpolate = AttackKey("interpolate", "{}", "")
    own = {RELEARN: answered(0, 1), other: answered(0, 1), interpolate: answered(0, 1, diagnostic=True), BEST: answered(0.25)}
    (row,) = table([(make_record(1, scores=scored(0.2)), own)]).rows
    assert [name for name in row if name not in ("model", "dtype", "method", "noise")] == ["seeds", "forget", "most", "probe"]
    assert (row["forget"].mean, row["most"]) == (pytest.approx(20.0), "25.0 probe")


def test_what_was_not_attacked_has_no_row():
    assert not table([(make_record(1), {})]).rows


def test_of_several_variants_the_one_that_recovers_most_of_a_row_is_shown():
    bits = {number: AttackKey("quantise", "{}", f"int{number}") for number in (4, 8)}
    base, rmu = make_record(1, method="none"), make_record(1)
    first, second = table(
        [(base, {bits[4]: answered(0.5), bits[8]: answered(1)}), (rmu, {bits[4]: answered(0.75), bits[8]: answered(0.25)})]
    ).rows
    assert (first["quantise"].mean, second["quantise"].mean) == (100.0, 75.0)
