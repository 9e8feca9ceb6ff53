import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from rna_bench.sweep.plan import RunState, load_plan, run_states

RUNS = ["method=rmu", "noise.scale=0,1", "seed=1,2,3,4", "scoring.every=0", "train.steps=400"]
"""Eight runs of sweeps/pocket_kill.yaml, long enough to be caught at work."""
PATIENCE = 900.0


class Sweep:
    """`rna-bench sweep pocket_kill` in a separate process, with its output in a file."""

    def __init__(self, results: Path, launcher: str, *words: str) -> None:
        self.results = results
        self._log = results.parent / f"{results.name}.log"
        program = "import sys; from rna_bench.cli.main import main; sys.argv = ['rna-bench', *sys.argv[1:]]; main()"
        given = ["sweep", "pocket_kill", f"launcher={launcher}", f"results_dir={results}", *RUNS, *words]
        with self._log.open("a") as handle:
            self.process = subprocess.Popen([sys.executable, "-c", program, *given], stdout=handle, stderr=subprocess.STDOUT)

    @property
    def output(self) -> str:
        return self._log.read_text()

    def ends(self) -> int:
        """Wait for the end, and return the exit code."""
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            print(self.output)

    def run_states(self) -> list[RunState]:
        """Return how the runs stand, in the order of the plan; nothing before there is one."""
        planned = (self.results / ".sweeps" / "pocket_kill.json").exists()
        return run_states(load_plan(self.results, "pocket_kill")) if planned else []

    def sees(self, enough: Callable[[], Any]) -> Any:
        """Wait until something is true of the sweep while it goes on, and return it."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            result = enough()
            if result:
                return result
            time.sleep(0.1)
        raise AssertionError(f"not seen before the sweep ended: {self.output}")

    def owners(self) -> dict[str, int]:
        """Return the processes that hold a run now, by the run's identity."""
        shown: dict[str, Any] = {}
        for path in (self.results / ".locks").glob("*.json"):
            with suppress(FileNotFoundError):  # the run has ended meanwhile
                shown[path.stem] = json.loads(path.read_text())
        return {identity: owner["pid"] for identity, owner in shown.items() if Path(f"/proc/{owner['pid']}").exists()}


def records(results: Path) -> dict[str, Any]:
    """Return the records below a folder by their identity, without what was measured."""
    whole = [json.loads(path.read_text()) for path in results.glob("*/record.json")]
    return {record["identity"]: {key: value for key, value in record.items() if key != "measured"} for record in whole}


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The records of the eight runs one after the other, by no engine."""
    sweep = Sweep(tmp_path_factory.mktemp("alone") / "results", "none")
    assert sweep.ends() == 0
    by_identity = records(sweep.results)
    assert len(by_identity) == 8
    return by_identity


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
