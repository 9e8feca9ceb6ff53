"""A sweep whose runs are attacked: what is recorded is the run and its attacks."""

from rna_bench.core.types import Status
from rna_bench.runs import record
from rna_bench.runs.attack_record import record_path
from rna_bench.sweep.plan import PlannedRun, RunPhase, run_state
from tests.builders.records import make_record


def test_a_recorded_run_whose_attacks_are_not_recorded_is_left_to_do(tmp_path):
    made = make_record(1)
    record.write(tmp_path / made.identity, made, [])
    attack = record_path(tmp_path / made.identity, "relearn")
    plain, attacked = PlannedRun(made.identity, (), "one"), PlannedRun(made.identity, (), "one", attacks=(attack.name,))
    assert run_state(tmp_path, plain).phase is RunPhase.done
    state = run_state(tmp_path, attacked)
    assert (state.phase, state.why) == (RunPhase.pending, "recorded, but for attack-relearn.json")
    attack.write_text("{}")
    assert run_state(tmp_path, attacked).phase is RunPhase.done


def test_a_run_that_diverged_has_nothing_to_attack(tmp_path):
    made = make_record(1, status=Status.diverged)
    record.write(tmp_path / made.identity, made, [])
    assert run_state(tmp_path, PlannedRun(made.identity, (), "one", attacks=("attack-relearn.json",))).phase is RunPhase.diverged
