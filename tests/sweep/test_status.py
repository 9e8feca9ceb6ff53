from rna_bench.sweep.plan import PlannedRun, RunPhase, RunState, SweepPlan
from rna_bench.sweep.status import sweep_status

REASON = "RuntimeError: a reason of so many words that no line of a terminal has room for all of them beside the run"


def test_a_long_reason_is_broken_into_lines_below_where_it_begins(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    run = PlannedRun("0123456789abcdef", (), "seed=1", REASON)
    monkeypatch.setattr("rna_bench.sweep.status.run_states", lambda _: [RunState(run, RunPhase.failed, REASON)])
    lines = sweep_status(SweepPlan("s", tmp_path, "today", ("sweep", "s"), None, (run,))).splitlines()
    assert lines[1].startswith("  failed      0123456789abcdef  seed=1: RuntimeError: a reason")
    assert lines[2].startswith(" " * 32)
    assert REASON in " ".join(" ".join(lines[1:4]).split())
    assert all(len(line) <= 80 for line in lines[1:4])
