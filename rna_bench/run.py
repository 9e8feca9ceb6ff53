"""The door for runs: Hydra composes configurations, and each is checked and executed."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from rna_bench.config import config_folder, given
from rna_bench.experiment import execute
from rna_bench.plan import plan_of
from rna_bench.runs import record
from rna_bench.schema import InputError


def hydra_main(config_name: str, arguments: Sequence[str]) -> None:
    """Compose the named configuration with the arguments, as Hydra's own command line does, and run each job."""
    several = ("-m", "--multirun")
    sys.argv = ["rna-bench", *sorted(arguments, key=lambda word: word not in several)]  # Hydra wants its flags before overrides
    results_dir = given("results_dir", arguments)
    if results_dir in ("", "null"):  # refused before Hydra makes a folder of that name
        raise InputError("results_dir", results_dir, "give the name of a folder")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us whole; the command line makes one line of them
    failed: list[Exception] = []

    def task(cfg: DictConfig) -> None:
        try:
            run(cfg)
        except Exception as error:
            if HydraConfig.get().mode is not RunMode.RUN:
                raise  # Hydra goes on with the other jobs, and raises the first error at the end
            failed.append(error)  # raised here, Hydra would print lines of its own

    try:
        hydra.main(config_path=str(config_folder("conf")), config_name=config_name, version_base="1.3")(task)()
    except OSError as error:
        refused = _unwritable(error, results_dir)
        if refused:
            raise refused from error
        raise
    if failed:
        raise failed[0]


def _unwritable(error: OSError, results_dir: str | None) -> InputError | None:
    """Return the error for results_dir if it comes from the folder `.hydra`, which Hydra makes there before a run begins."""
    if not error.filename:
        return None
    made = Path(error.filename)
    folder = made.parent if made.name == ".hydra" else Path(results_dir or "results/runs")
    return record.unwritable(folder, error) if (folder / ".hydra").is_relative_to(made) else None


def run(cfg: DictConfig) -> None:
    """Execute what Hydra composed: the task function of run.yaml and of every sweep."""
    hydra_cfg = HydraConfig.get()
    execute(plan_of(cfg, hydra_cfg.runtime.choices), several=hydra_cfg.mode is RunMode.MULTIRUN)
