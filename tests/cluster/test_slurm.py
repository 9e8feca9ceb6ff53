"""A sweep on a real Slurm of one node. By hand, as root: pytest -m slow tests/cluster/test_slurm.py. What it needs: slurm.sh."""

import json
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from safetensors import safe_open

from rna_bench.experiment.resume import STATE
from rna_bench.sweep.plan import RunPhase
from rna_bench.sweep.slurm import FORGOTTEN
from rna_bench.unlearning.checkpoint import TRAINING_LOG
from tests.cluster.conftest import Sweep, records

FOUR = "seed=1,2"
"""Four of the eight runs: two at once, and two that wait."""
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


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The records of the four runs one after the other, by no engine."""
    sweep = Sweep(tmp_path_factory.mktemp("alone") / "results", "none", FOUR)
    assert sweep.ends() == 0
    by_identity = records(sweep.results)
    assert len(by_identity) == 4
    return by_identity


@pytest.fixture
def start(cluster, tmp_path):
    """Start a sweep of four runs as an array, two at once."""
    started = []

    def go(*words: str) -> Sweep:
        given = [FOUR, "hydra.launcher.array_parallelism=2", "hydra.launcher.timeout_min=30", *words]
        started.append(Sweep(tmp_path / "results", "slurm", *given))
        return started[-1]

    yield go
    for sweep in started:
        sweep.process.kill()
    subprocess.run(["scancel", "--user=root"], check=True)


def output_of(*words: str) -> list[str]:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


def running() -> list[str]:
    return output_of("squeue", "--noheader", "--array", "--states=RUNNING", "--format=%i")


def at_work(sweep: Sweep) -> dict[str, str]:
    """Wait until a run is under way, and return the jobs of those that are, by identity: a job's number is its run's place."""
    place = {one.run.identity: str(number) for number, one in enumerate(sweep.sees(sweep.run_states))}
    (array,) = {job.partition("_")[0] for job in sweep.sees(running)}
    return {identity: f"{array}_{place[identity]}" for identity in sweep.sees(sweep.owners)}


CHECKPOINTS = ("checkpoint.steps=20",)
"""Training saves its state often, so that there is something to resume from."""


def in_training(sweep: Sweep) -> tuple[str, str, int]:
    """Wait until a run has saved the state of its training; return its identity, its job, and the number of steps saved."""
    jobs = at_work(sweep)

    def saved() -> tuple[str, int] | None:
        for identity in sweep.owners():
            for path in (sweep.results / identity / ".partial").glob(f"*/{STATE}"):
                with suppress(FileNotFoundError), safe_open(path, "pt") as file:  # it goes when training ends
                    return identity, len(TRAINING_LOG.validate_json(file.metadata()["log"]).losses)
        return None

    identity, steps = sweep.sees(saved)
    job = jobs.get(identity) or at_work(sweep)[identity]
    return identity, job, steps


def starts(sweep: Sweep, job: str) -> int:
    """Return how often a job's process began, by what it prints."""
    (printed,) = sweep.results.glob(f".hydra/slurm/*/{job}/{job}_0_log.out")
    return printed.read_text().count("Starting with JobEnvironment")


def resumed(sweep: Sweep, identity: str) -> int:
    """Return the steps of a recorded run that were not trained again when it was last started."""
    return json.loads((sweep.results / identity / "record.json").read_text())["measured"]["steps_resumed"]


def test_a_run_that_is_put_back_into_the_queue_goes_on_from_its_checkpoint(start, alone):
    sweep = start(*CHECKPOINTS)
    identity, job, steps = in_training(sweep)
    subprocess.run(["scontrol", "requeue", job], check=True)
    assert sweep.ends() == 0
    assert records(sweep.results) == alone
    assert resumed(sweep, identity) >= steps > 0
    assert starts(sweep, job) == 2


def test_a_run_that_is_told_that_its_time_is_over_puts_itself_back_and_goes_on_from_its_checkpoint(start, alone):
    """Slurm sends SIGUSR2 before the time is over, and where it is set up so before pre-emption.

    Not by scancel here: while other tasks of the array wait it signals, takes the controller's answer for a failure, and signals
    again and again, for a minute and a half, whatever the job is at by then.
    """
    sweep = start(*CHECKPOINTS)
    identity, job, steps = in_training(sweep)
    os.kill(sweep.owners()[identity], signal.SIGUSR2)
    assert sweep.ends() == 0
    assert records(sweep.results) == alone
    assert resumed(sweep, identity) >= steps > 0
    assert starts(sweep, job) == 2


def test_a_node_that_fails_costs_no_run(start, cluster, alone):
    sweep = start(*CHECKPOINTS)
    identity, _, steps = in_training(sweep)
    cluster("crash")
    cluster("start")
    assert sweep.ends() == 0
    assert records(sweep.results) == alone
    assert resumed(sweep, identity) >= steps > 0


def reports_cancellation(why: str) -> bool:
    """Return whether the reason is that a job was cancelled, or the one given if Slurm keeps nothing about it."""
    return "CANCELLED" in why or FORGOTTEN in why


def test_cancelled_and_killed_jobs_are_reported_and_the_others_recorded(start, alone):
    sweep = start()
    (identity, job), *_ = at_work(sweep).items()
    waiting = f"{job.partition('_')[0]}_3"
    subprocess.run(["scancel", job, waiting], check=True)
    killed, pid = sweep.sees(lambda: [(run, pid) for run, pid in sweep.owners().items() if run != identity])[0]
    os.kill(pid, signal.SIGKILL)
    assert sweep.ends() == 1
    seen = {one.run.identity: one for one in sweep.run_states()}
    failed = {run for run, one in seen.items() if one.phase is RunPhase.failed}
    last = [*seen][3]
    assert failed == {identity, killed, last}
    assert "CANCELLED" in seen[identity].why
    assert reports_cancellation(seen[last].why)
    assert "FAILED" in seen[killed].why
    assert records(sweep.results) == {run: record for run, record in alone.items() if run not in failed}
    assert start().ends() == 0
    assert records(sweep.results) == alone


def test_a_task_that_is_cancelled_while_it_waits_is_not_waited_for(start, alone):
    """submitit alone would wait without an end: Slurm forgets such a task, and submitit takes what is unknown for waiting."""
    sweep = start()
    (job, *_) = at_work(sweep).values()
    subprocess.run(["scancel", f"{job.partition('_')[0]}_3"], check=True)
    assert sweep.ends() == 1
    *others, last = sweep.run_states()
    assert last.phase is RunPhase.failed
    assert reports_cancellation(last.why)
    assert records(sweep.results) == {one.run.identity: alone[one.run.identity] for one in others}


def test_each_run_has_the_cores_it_asks_for_and_a_gpu_of_its_own(start, tmp_path):
    note = f"srun --overlap sh -c 'echo $SLURM_CPUS_PER_TASK $CUDA_VISIBLE_DEVICES' >> {tmp_path}/given"
    setup = f'hydra.launcher.setup=["export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK","{note}"]'
    sweep = start("hydra.launcher.gpus_per_node=1", "noise.scale=0", setup)
    assert sweep.ends() == 0
    assert sorted((tmp_path / "given").read_text().split("\n")) == ["", "1 0", "1 1"]
