"""A sweep on a real Ray. By hand: pytest -m slow tests/cluster/test_ray.py, with the extra `ray` installed."""

import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from rna_bench.sweep.plan import RunPhase
from tests.cluster.conftest import Sweep, records

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not find_spec("ray"), reason="needs the extra ray")]

TWO_AT_ONCE = "hydra.launcher.ray.init.num_cpus=2"


@pytest.fixture
def start(tmp_path):
    started = []

    def go(*words: str) -> Sweep:
        started.append(Sweep(tmp_path / "results", "ray", *words))
        return started[-1]

    yield go
    for sweep in started:
        sweep.process.kill()


def test_a_process_that_is_killed_costs_no_run_and_processes_do_several_runs(start, alone):
    sweep = start(f"+{TWO_AT_ONCE}")
    seen: set[int] = set()

    def two_at_work() -> set[int]:
        now = set(sweep.owners().values())
        seen.update(now)
        return now if len(now) == 2 else set()

    os.kill(sweep.sees(two_at_work).pop(), signal.SIGKILL)
    sweep.sees(lambda: seen.update(sweep.owners().values()) or len(records(sweep.results)) >= 7)
    assert sweep.ends() == 0
    assert records(sweep.results) == alone
    assert len(seen) == 3, "two processes, and one in place of that which was killed"


def test_a_run_whose_process_ends_each_time_is_told_of_and_the_others_recorded(start, alone):
    """Without a retry of Ray's own: the sweep's comes after the others."""
    sweep = start(f"+{TWO_AT_ONCE}", "hydra.launcher.ray.remote.max_retries=0")
    identity, pid = next(iter(sweep.sees(sweep.owners).items()))
    os.kill(pid, signal.SIGKILL)
    sweep.sees(lambda: sweep.owners().get(identity) == pid or identity not in sweep.owners())
    pid = sweep.sees(lambda: {run: owner for run, owner in sweep.owners().items() if run == identity and owner != pid})[identity]
    os.kill(pid, signal.SIGKILL)
    assert sweep.ends() == 1
    seen = {one.run.identity: one for one in sweep.run_states()}
    assert [run for run, one in seen.items() if one.phase is RunPhase.failed] == [identity]
    assert "killed" in seen[identity].why
    assert records(sweep.results) == {run: record for run, record in alone.items() if run != identity}


def test_a_cluster_that_was_started_elsewhere_runs_them(start, alone, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    ray = Path(sys.executable).with_name("ray")
    words = ["start", "--head", "--num-cpus=2", "--include-dashboard=false", "--disable-usage-stats", f"--temp-dir={tmp_path}/ray"]
    environment = {**os.environ, "PYTHONPATH": ""}
    subprocess.run([ray, *words], check=True, cwd=tmp_path / "elsewhere", env=environment)
    try:
        assert start("hydra.launcher.ray.init.address=auto").ends() == 0
    finally:
        subprocess.run([ray, "stop"], check=True)
    assert records(tmp_path / "results") == alone
    assert list((tmp_path / "elsewhere").iterdir()) == []
