"""The door for runs: Hydra composes configurations, and each is checked and executed, alone or by a sweep's engine."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser  # Hydra has no public name for its flags
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from rna_bench.core import files
from rna_bench.core.types import InputError
from rna_bench.experiment.compose import config_folder, given
from rna_bench.experiment.config import ExperimentConfig, experiment_config
from rna_bench.experiment.run import execute
from rna_bench.sweep import slurm
from rna_bench.sweep.sweep import attempt, conduct


def run_main(arguments: Sequence[str]) -> bool:
    """Run `run.yaml` with the arguments: one run, or with -m a sweep of that name; return whether all is well."""
    asked = _flags(arguments)
    if asked.multirun and not _only_shows(asked):
        return sweep_main(
            Path(config_folder("conf")) / "run.yaml", [word for word in arguments if word not in ("-m", "--multirun")]
        )
    _single("run", arguments)
    return True


def sweep_main(file: Path, arguments: Sequence[str]) -> bool:
    """Carry out the sweep in a file with the arguments, and return whether each of its runs is recorded."""
    asked = _flags(arguments)
    if _only_shows(asked):
        _single(file.stem, ["--config-dir", str(file.parent), *arguments])
        return True
    results_dir = _results_dir(arguments)
    folders = [config_folder("conf"), *([Path(asked.config_dir)] if asked.config_dir else [])]
    search = f"hydra.searchpath=[{','.join(folder.absolute().as_uri() for folder in folders)}]"
    sys.argv = ["rna-bench", "sweep", *arguments]
    try:
        with hydra.initialize_config_dir(str(file.parent.absolute()), job_name="rna-bench", version_base="1.3"):
            return conduct(file.stem, _engine(file.stem, [search, f"sweep={file.stem}", *asked.overrides]))
    except OSError as error:
        raise _unwritable(error, results_dir) or error from error


def _flags(arguments: Sequence[str]) -> argparse.Namespace:
    return get_args_parser().parse_intermixed_args(list(arguments))


def _only_shows(asked: argparse.Namespace) -> bool:
    """Return whether the flags ask for something to be shown, which Hydra does, and nothing to be run."""
    return any((asked.help, asked.hydra_help, asked.cfg, asked.info, asked.shell_completion))


def _results_dir(arguments: Sequence[str]) -> str | None:
    results_dir = given("results_dir", arguments)
    if results_dir in ("", "null"):  # refused before a folder of that name is made
        raise InputError("results_dir", results_dir, "give the name of a folder")
    return results_dir


def _single(config_name: str, arguments: Sequence[str]) -> None:
    """Compose the named configuration with the arguments, as Hydra's own command line does, and run it."""
    sys.argv = ["rna-bench", *arguments]
    results_dir = _results_dir(arguments)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us whole; the command line makes one line of them
    failed: list[Exception] = []

    def task(cfg: DictConfig) -> None:
        try:
            execute(experiment_config(cfg, HydraConfig.get().runtime.choices))
        except Exception as error:
            failed.append(error)  # raised here, Hydra would print lines of its own

    try:
        hydra.main(config_path=str(config_folder("conf")), config_name=config_name, version_base="1.3")(task)()
    except OSError as error:
        raise _unwritable(error, results_dir) or error from error
    if failed:
        raise failed[0]


def _unwritable(error: OSError, results_dir: str | None) -> InputError | None:
    """Return the error for results_dir if it comes from the folder `.hydra`, which Hydra makes there before a run begins."""
    if not error.filename:
        return None
    made = Path(error.filename)
    folder = made.parent if made.name == ".hydra" else Path(results_dir or "results/runs")
    return files.unwritable(folder, error) if (folder / ".hydra").is_relative_to(made) else None


def job(cfg: DictConfig, here: Path) -> None:
    """Carry out one run of a sweep, with paths from a folder: the task that engines call, in whatever process."""
    os.chdir(here)  # where a cluster of Ray was started may be elsewhere
    attempt(experiment_config(cfg, HydraConfig.get().runtime.choices))


@dataclass(frozen=True)
class HydraEngine:
    """One of Hydra's launchers, with the jobs that its basic sweeper makes of a grid."""

    config: DictConfig
    context: HydraContext
    launcher: Launcher
    jobs: Sequence[Sequence[str]]

    @property
    def results_dir(self) -> Path:
        """Where the sweep's runs lie."""
        return Path(str(self.config.results_dir)).expanduser()

    def plan(self, overrides: Sequence[str]) -> ExperimentConfig:
        """Return the checked plan of a job, composed as the launcher will compose it."""
        cfg = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        choices = {str(group): str(option) for group, option in cfg.hydra.runtime.choices.items()}
        with open_dict(cfg):
            del cfg["hydra"]
        plan = experiment_config(cfg, choices)
        if plan.results_dir != self.results_dir:
            raise InputError("results_dir", plan.results_dir, "cannot be swept: the runs of a sweep lie in one folder")
        return plan

    def launch(self, jobs: Sequence[Sequence[str]]) -> list[BaseException | None]:
        """Start the jobs and wait for them; return the error that each ended with, if any."""
        folder = self.config.hydra.launcher.get("submitit_folder")  # whose jobs outlive the launcher's wait
        launch = partial(self.launcher.launch, [list(overrides) for overrides in jobs], initial_job_idx=0)
        try:
            ends: Sequence[JobReturn] = slurm.attend(launch, Path(str(folder)).parent, len(jobs)) if folder else launch()
        except Exception:
            outcomes = slurm.outcomes(Path(str(folder)).parent, len(jobs)) if folder else None
            if outcomes is None:
                raise
            return [*outcomes]
        return [end._return_value if end.status is JobStatus.FAILED else None for end in ends]


def _engine(name: str, overrides: Sequence[str]) -> HydraEngine:
    """Return the launcher that the configuration chooses, and the jobs of its grid."""
    from hydra._internal.callbacks import Callbacks
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    main = GlobalHydra.instance().hydra
    assert main is not None
    cfg = main.compose_config(config_name=name, overrides=list(overrides), run_mode=RunMode.MULTIRUN, with_log_configuration=False)
    if cfg.hydra.sweeper._target_ != f"{BasicSweeper.__module__}.{BasicSweeper.__name__}":
        raise InputError("hydra/sweeper", cfg.hydra.sweeper._target_, "sweeps are grids; for another search say `rna-bench search`")
    with open_dict(cfg.hydra):
        cfg.hydra.mode = RunMode.MULTIRUN
    HydraConfig.instance().set_config(cfg)
    context = HydraContext(config_loader=main.config_loader, callbacks=Callbacks(cfg))
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=partial(job, here=Path.cwd()), config=cfg
    )
    return HydraEngine(cfg, context, launcher, _grid(cfg, BasicSweeper))


def _grid(cfg: DictConfig, sweeper: Any) -> list[list[str]]:
    """Return a list of overrides for each point of the grid; the command line wins over the sweep's file."""
    params = OmegaConf.to_container(cfg.hydra.sweeper.params) if cfg.hydra.sweeper.params else {}
    assert isinstance(params, dict)
    words = [*(f"{key}={values}" for key, values in params.items()), *cfg.hydra.overrides.task]
    parsed = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader()).parse_overrides(words)
    return [list(job) for batch in sweeper.split_arguments(parsed, None) for job in batch]
