"""A sweep on a real Slurm of one node. By hand, as root: pytest -m slow tests/cluster/test_slurm.py. What it needs: slurm.sh."""

import os
import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from rna_bench.sweep.plan import State
from tests.cluster.conftest import Sweep, records

SCRIPT = Path(__file__).with_name("slurm.sh")
NEEDED = ("sbatch", "slurmctld", "slurmdbd", "munged", "mariadbd")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason=f"needs {', '.join(NEEDED)}: see tests/cluster/slurm.sh"),
    pytest.mark.skipif(not find_spec("submitit"), reason="needs the extra slurm"),
    pytest.mark.skipif(os.geteuid() != 0, reason="starts daemons as root"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm")

    def control(action: str) -> None:
        subprocess.run([SCRIPT, action, folder], check=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        try:
            control("start")
            yield control
        finally:
            control("stop")


@pytest.fixture
def start(cluster, tmp_path):
    """Start a sweep of eight runs as an array, two at once."""
    started = []

    def go(*words: str) -> Sweep:
        given = ["hydra.launcher.array_parallelism=2", "hydra.launcher.timeout_min=30", *words]
        started.append(Sweep(tmp_path / "results", "slurm", *given))
        return started[-1]

    yield go
    for sweep in started:
        sweep.process.kill()
    subprocess.run(["scancel", "--user=root"], check=True)


def asked(*words: str) -> list[str]:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


def running() -> list[str]:
    return asked("squeue", "--noheader", "--array", "--states=RUNNING", "--format=%i")


def at_work(sweep: Sweep) -> dict[str, str]:
    """Wait until a run is under way, and return the jobs of those that are, by identity: a job's number is its run's place."""
    place = {one.run.identity: str(number) for number, one in enumerate(sweep.sees(sweep.run_states))}
    (array,) = {job.partition("_")[0] for job in sweep.sees(running)}
    return {identity: f"{array}_{place[identity]}" for identity in sweep.sees(sweep.owners)}


def restarts(job: str) -> int:
    return len(asked("sacct", "--duplicates", "--allocations", "--noheader", "--format=State", "--jobs", job)) - 1


def test_a_run_that_is_put_back_into_the_queue_is_run_again(start, alone):
    sweep = start()
    (job, *_) = at_work(sweep).values()
    subprocess.run(["scontrol", "requeue", job], check=True)
    assert sweep.ends() == 0
    assert records(sweep.results) == alone
    assert restarts(job) == 1


def test_a_run_that_is_told_that_its_time_is_over_puts_itself_back_into_the_queue(start, alone):
    """Slurm sends SIGUSR2 before the time is over, and where it is set up so before pre-emption."""
    sweep = start()
    (job, *_) = at_work(sweep).values()
    subprocess.run(["scancel", "--signal=USR2", job], check=False)  # of an array with tasks that wait it complains, and signals
    assert sweep.ends() == 0
    assert records(sweep.results) == alone
    assert restarts(job) == 1


def test_a_node_that_fails_costs_no_run(start, cluster, alone):
    sweep = start()
    job, *_ = at_work(sweep).values()
    cluster("crash")
    cluster("start")
    assert sweep.ends() == 0
    assert records(sweep.results) == alone
    assert restarts(job) == 1


def test_cancelled_and_killed_jobs_are_told_of_and_the_others_recorded(start, alone):
    sweep = start()
    working = at_work(sweep)
    (identity, job), *_ = working.items()
    array = job.partition("_")[0]
    waiting = [f"{array}_7", f"{array}_6"]
    subprocess.run(["scancel", job, waiting[0]], check=True)
    killed, pid = sweep.sees(lambda: [(run, pid) for run, pid in sweep.owners().items() if run != identity])[0]
    os.kill(pid, signal.SIGKILL)
    assert sweep.ends() == 1
    seen = {one.run.identity: one for one in sweep.run_states()}
    failed = {run for run, one in seen.items() if one.state is State.failed}
    last = [*seen][7]
    assert failed == {identity, killed, last}
    assert all("CANCELLED" in seen[run].why for run in (identity, last))
    assert "FAILED" in seen[killed].why
    assert records(sweep.results) == {run: record for run, record in alone.items() if run not in failed}
    assert start().ends() == 0
    assert records(sweep.results) == alone


def test_each_run_has_the_cores_it_asks_for_and_a_gpu_of_its_own(start, tmp_path):
    note = f"srun --overlap sh -c 'echo $SLURM_CPUS_PER_TASK $CUDA_VISIBLE_DEVICES' >> {tmp_path}/given"
    setup = f'hydra.launcher.setup=["export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK","{note}"]'
    sweep = start("hydra.launcher.gpus_per_node=1", "seed=1,2", "noise.scale=0", setup)
    assert sweep.ends() == 0
    assert sorted((tmp_path / "given").read_text().split("\n")) == ["", "1 0", "1 1"]
