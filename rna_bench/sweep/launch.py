"""The entry point of runs and sweeps: Hydra composes each configuration, which is checked and run, alone or by a launcher.

This is the only module that imports Hydra's internals.
"""

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.callbacks import Callbacks
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser  # Hydra has no public name for its flags
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from rna_bench.core import files, log
from rna_bench.core.conf_files import config_folder
from rna_bench.core.renames import renamed_overrides
from rna_bench.core.types import InputError
from rna_bench.experiment.compose import composition_error, given, refuse_no_option, settled, without
from rna_bench.experiment.config import ExperimentConfig, experiment_config
from rna_bench.experiment.overrides import check_overrides
from rna_bench.experiment.run import execute
from rna_bench.sweep import slurm
from rna_bench.sweep.naming import sweep_request, unnamed
from rna_bench.sweep.planning import Combination, compose_grid
from rna_bench.sweep.sweep import run_job, run_sweep

LOG = logging.getLogger(__name__)


def run_main(arguments: Sequence[str]) -> bool:
    """Run `run.yaml` with the arguments: one run, or with -m a sweep; return whether everything is recorded."""
    flags = _flags(arguments)
    if flags.multirun and not _only_shows(flags):
        words = [word for word in arguments if word not in ("-m", "--multirun")]
        return sweep_main(Path(config_folder("conf")) / "run.yaml", words, ("run", *arguments))
    _run_once("run", renamed_overrides(arguments))
    return True


def sweep_main(file: Path, arguments: Sequence[str], command: Sequence[str]) -> bool:
    """Run the sweep in a file with the arguments, and return whether each of its runs is recorded.

    `command` has the words after `rna-bench`, as they were given.
    """
    words = renamed_overrides(arguments)
    flags = _flags(words)
    if _only_shows(flags):
        _run_once(file.stem, ["--config-dir", str(file.parent), *words])
        return True
    results_dir, request = _results_dir(words), sweep_request(file, flags.overrides, command)
    sys.argv = ["rna-bench", *command]
    try:
        with _composing(file, flags.overrides, _own(flags)) as engine:
            return run_sweep(request, engine)
    except OSError as error:
        raise _unwritable(error, results_dir) or error from error


def combinations(file: Path, overrides: Sequence[str], own: Path | None) -> list[Combination]:
    """Return the runs of the sweep in a file, composed and checked as `sweep_main` does; nothing is run or written."""
    with _composing(file, overrides, own) as engine:
        return compose_grid(engine)


@contextmanager
def _composing(file: Path, overrides: Sequence[str], own: Path | None) -> Iterator["HydraEngine"]:
    """Yield the engine of the sweep in a file; `own` is a user's folder of configuration."""
    refuse_no_option(overrides)
    check_overrides(overrides, own)
    folders = [config_folder("conf"), *([own] if own else [])]
    search_path = f"hydra.searchpath=[{','.join(folder.absolute().as_uri() for folder in folders)}]"
    with hydra.initialize_config_dir(str(file.parent.absolute()), job_name="rna-bench", version_base="1.3"):
        yield _engine(file.stem, [search_path, *unnamed(overrides)])


def _flags(arguments: Sequence[str]) -> argparse.Namespace:
    return get_args_parser().parse_intermixed_args(list(arguments))


def _own(flags: argparse.Namespace) -> Path | None:
    return Path(flags.config_dir) if flags.config_dir else None


def _only_shows(flags: argparse.Namespace) -> bool:
    """Return whether the flags ask Hydra to show something, rather than for a run."""
    if flags.multirun and flags.cfg:
        raise InputError("--cfg", flags.cfg, "shows the configuration of one run; leave -m out, and give each key one value")
    return any((flags.help, flags.hydra_help, flags.cfg, flags.info, flags.shell_completion))


def _results_dir(arguments: Sequence[str]) -> str | None:
    results_dir = given("results_dir", arguments)
    if results_dir in ("", "null"):  # refused before a folder of that name is made
        raise InputError("results_dir", results_dir, "give the name of a folder")
    return results_dir


def _run_once(config_name: str, arguments: Sequence[str]) -> None:
    """Compose the named configuration with the arguments, as Hydra's own command line does, and run it."""
    flags = _flags(arguments)
    overrides = flags.overrides
    refuse_no_option(overrides)
    check_overrides(overrides, _own(flags))
    sys.argv = ["rna-bench", *(word for word in arguments if word not in overrides), *overrides]  # hydra.main wants flags first
    results_dir = _results_dir(arguments)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that errors arrive whole; the command line turns them into one line
    errors: list[Exception] = []

    def task(cfg: DictConfig) -> None:
        try:
            experiment = experiment_config(*_settled(cfg), overrides)
            for line in (*experiment.ignored, *experiment.cautions):
                LOG.warning("%s", line)
            execute(experiment)
        except Exception as error:
            errors.append(error)  # if it were raised here, Hydra would print lines too

    try:
        hydra.main(config_path=str(config_folder("conf")), config_name=config_name, version_base="1.3")(task)()
    except OSError as error:
        raise _unwritable(error, results_dir) or error from error
    if errors:
        raise errors[0]


def _unwritable(error: OSError, results_dir: str | None) -> InputError | None:
    """Return the error for results_dir if it comes from the folder `.hydra`, which Hydra makes there before a run begins."""
    if not error.filename:
        return None
    path = Path(error.filename)
    folder = path.parent if path.name == ".hydra" else Path(results_dir or "results/runs")
    return files.unwritable(folder, error) if (folder / ".hydra").is_relative_to(path) else None


def job(cfg: DictConfig, folder: Path, parent: int, level: str) -> None:
    """Carry out one run of a sweep: the task that launchers call, in this process or another.

    Paths are relative to `folder`. Messages have the `level` of the process that started the sweep, whose number is `parent`;
    in other processes no progress bars are shown.
    """
    os.chdir(folder)  # a Ray cluster may have been started elsewhere
    if os.getpid() != parent:
        log.set_up(level, bars=False)
    run_job(experiment_config(*_settled(cfg)))


def _settled(cfg: DictConfig) -> tuple[DictConfig, dict[str, str]]:
    section: Any = HydraConfig.get()  # declared as a dataclass, and a DictConfig
    return settled(cfg, section)


@dataclass(frozen=True)
class HydraEngine:
    """One of Hydra's launchers, with the jobs that its basic sweeper makes of a grid."""

    config: DictConfig
    context: HydraContext
    launcher: Launcher
    jobs: Sequence[Sequence[str]]

    @property
    def results_dir(self) -> Path:
        """The folder of the sweep's runs."""
        return Path(str(self.config.results_dir)).expanduser()

    def experiment(self, overrides: Sequence[str]) -> ExperimentConfig:
        """Return the checked configuration of a job, composed as the launcher will compose it."""
        try:
            cfg = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        except (HydraException, OmegaConfBaseException) as error:
            raise composition_error(error, overrides) from error
        experiment = experiment_config(*settled(without(cfg, "hydra"), cfg.hydra), overrides)
        if experiment.results_dir != self.results_dir:
            raise InputError("results_dir", experiment.results_dir, "cannot be swept: the runs of a sweep share one folder")
        return experiment

    def launch(self, jobs: Sequence[Sequence[str]]) -> list[BaseException | None]:
        """Start the jobs and wait for them; return the error that each ended with, if any."""
        submitted = self.config.hydra.launcher.get("submitit_folder")  # such jobs outlive the launcher's wait
        launch = partial(self.launcher.launch, [list(overrides) for overrides in jobs], initial_job_idx=0)
        if not submitted:
            return _errors(launch())
        folder = Path(str(submitted)).parent
        try:
            return _errors(slurm.wait_for_launch(launch, folder, len(jobs)))
        except Exception:
            outcomes = slurm.job_outcomes(folder, len(jobs))
            if outcomes is None:
                raise
            return [*outcomes]


def _errors(returns: Sequence[JobReturn]) -> list[BaseException | None]:
    return [one._return_value if one.status is JobStatus.FAILED else None for one in returns]


def _engine(name: str, overrides: Sequence[str]) -> HydraEngine:
    """Return the launcher that the configuration chooses, and the jobs of its grid."""
    main = GlobalHydra.instance().hydra
    assert main is not None
    cfg = main.compose_config(config_name=name, overrides=list(overrides), run_mode=RunMode.MULTIRUN, with_log_configuration=False)
    if cfg.hydra.sweeper._target_ != f"{BasicSweeper.__module__}.{BasicSweeper.__name__}":
        raise InputError("hydra/sweeper", cfg.hydra.sweeper._target_, "sweeps are grids; for another search say `rna-bench search`")
    with open_dict(cfg.hydra):
        cfg.hydra.mode = RunMode.MULTIRUN
    HydraConfig.instance().set_config(cfg)
    context = HydraContext(config_loader=main.config_loader, callbacks=Callbacks(cfg))
    task = partial(job, folder=Path.cwd(), parent=os.getpid(), level=os.environ.get(log.LEVEL, "INFO"))
    launcher = Plugins.instance().instantiate_launcher(hydra_context=context, task_function=task, config=cfg)
    return HydraEngine(cfg, context, launcher, _grid(cfg, BasicSweeper))


def _grid(cfg: DictConfig, sweeper: Any) -> list[list[str]]:
    """Return a list of overrides for each point of the grid; the command line wins over the sweep's file."""
    params = OmegaConf.to_container(cfg.hydra.sweeper.params) if cfg.hydra.sweeper.params else {}
    assert isinstance(params, dict)
    words = [*renamed_overrides([f"{key}={values}" for key, values in params.items()]), *cfg.hydra.overrides.task]
    refuse_no_option(words)
    parsed = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader()).parse_overrides(words)
    for one in parsed:
        if one.is_sweep_override() and not list(one.sweep_string_iterator()):
            raise InputError(one.key_or_group, (one.input_line or "").partition("=")[2], "has no values; give one or more")
    return [list(job) for batch in sweeper.split_arguments(parsed, None) for job in batch]
