"""What the machinery of sweeps costs: `python -m tests.benchmarks.machinery [overhead] [scaling] [status]`, on a quiet machine.

`overhead`: the 24 short runs of pocket_kill one after the other, in one process; what is beyond the runs' own seconds and the
imports, a run; without a tracker and with W&B offline. `scaling`: 24 whole pocket runs with one process and with two. `status`:
of a sweep of 1,000 records, copies of published ones.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rna_bench.runs.identity import identity
from rna_bench.runs.record import RECORD, SCHEMA_VERSION, read, write
from rna_bench.sweep.plan import PlannedRun, SweepPlan, save_plan

CLONE = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from rna_bench.cli.main import main; main()"]


def timed(command: Sequence[str], folder: Path) -> float:
    """Return the seconds that a command takes as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(CLONE), "WANDB_MODE": "offline"}
    started = time.perf_counter()
    subprocess.run(list(command), check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def own_seconds(folder: Path) -> list[float]:
    """Return what each recorded run says that it took."""
    records = [json.loads(path.read_bytes()) for path in folder.glob(f"*/{RECORD}")]
    return [sum(record["measured"]["seconds"].values()) for record in records]


def overhead(folder: Path) -> None:
    imports = min(timed([sys.executable, "-c", "import rna_bench.sweep.launch"], folder) for _ in range(3))
    for tracker in ("none", "wandb"):
        place = folder / tracker
        took = timed([*COMMAND, "sweep", "pocket_kill", "launcher=none", f"tracker={tracker}", f"results_dir={place}"], folder)
        runs = own_seconds(place)
        beyond = (took - imports - sum(runs)) / len(runs)
        told = f"{took:.1f} s for {len(runs)} runs of {sum(runs):.1f} s, imports {imports:.1f} s"
        print(f"tracker={tracker}: {told}: {beyond:.3f} s a run", flush=True)


def scaling(folder: Path) -> None:
    grid = ["model.world=0", "method=rmu,adaptive_rmu", "noise.scale=0,1", "seed=1,2,3,4,5,6"]
    took = {}
    for count in (1, 2):
        place = f"results_dir={folder / str(count)}"
        took[count] = timed([*COMMAND, "sweep", "pocket", *grid, f"hydra.launcher.n_jobs={count}", place], folder)
        print(f"{count} at once: {took[count]:.1f} s for {len(own_seconds(folder / str(count)))} runs", flush=True)
    print(f"two are {took[1] / took[2]:.2f} times faster")


def status(folder: Path) -> None:
    sources = sorted((CLONE / "results" / "published" / "pocket").glob(f"*/{RECORD}"))
    names = []
    for i in range(1000):
        values = read(sources[i % len(sources)])
        config = values.config | {"seed": i}
        name = identity(config, values.fingerprints)
        write(folder / name, replace(values, schema_version=SCHEMA_VERSION, config=config, identity=name), [])
        names.append(name)
    save_plan(SweepPlan("pocket", folder, "now", (), None, tuple(PlannedRun(name, (), name) for name in names)))
    print(f"status of 1,000 records: {min(timed([*COMMAND, 'status', 'pocket', str(folder)], folder) for _ in range(3)):.2f} s")
    print(f"--help: {min(timed([*COMMAND, '--help'], folder) for _ in range(3)):.2f} s")


def main() -> None:
    parts = {"overhead": overhead, "scaling": scaling, "status": status}
    for name in sys.argv[1:] or parts:
        with tempfile.TemporaryDirectory() as folder:
            parts[name](Path(folder))


if __name__ == "__main__":
    main()
