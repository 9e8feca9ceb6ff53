"""Commands about many runs: sweeps, their status, their disk, searches."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rna_bench.sweep.plan import SweepPlan


def sweep(arguments: Sequence[str]) -> int:
    """Carry out a sweep, or what is left of it."""
    file = _sweep_file(arguments)
    from rna_bench.sweep.launch import sweep_main

    return 0 if sweep_main(file, arguments[1:]) else 1


def _sweep_file(arguments: Sequence[str]) -> Path:
    """Return the file of the sweep that the first argument names: one of the project's, or any YAML file."""
    from rna_bench.core.types import InputError
    from rna_bench.experiment.resolvers import config_folder

    folder, given = config_folder("sweeps"), arguments[0] if arguments else ""
    for file in (folder / f"{given}.yaml", Path(given)):
        if given and file.suffix == ".yaml" and file.is_file():
            return file
    if given == "run":  # `rna-bench run -m` is a sweep, too
        return config_folder("conf") / "run.yaml"
    names = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
    raise InputError("sweep", given, f"there is no such sweep; choose one of {names}, or give a YAML file")


def status(arguments: Sequence[str]) -> None:
    """Show how a sweep stands."""
    from rna_bench.sweep.status import status

    print(status(_stored("status", "How a sweep stands: each run, the time left, and what to beware of.", arguments)))


def clean(arguments: Sequence[str]) -> None:
    """Free a sweep's disk."""
    from rna_bench.sweep.clean import clean

    told = "Free the disk of a sweep's trained tensors, caches and logs. Records and answers stay."
    print("\n".join(clean(_stored("clean", told, arguments))))


def _stored(command: str, told: str, arguments: Sequence[str]) -> "SweepPlan":
    """Return the plan that a sweep stored; its folder is the one given, or that of the sweep's file."""
    import yaml

    from rna_bench.sweep.plan import load

    parser = argparse.ArgumentParser(prog=f"rna-bench {command}", description=told)
    parser.add_argument("sweep", help="a name as of `rna-bench sweep`, or `run` for `rna-bench run -m`")
    parser.add_argument("results_dir", nargs="?", metavar="results_dir=FOLDER", help="where the sweep was told to put its runs")
    given = parser.parse_args(arguments)
    file = _sweep_file([given.sweep])
    folder = given.results_dir.removeprefix("results_dir=") if given.results_dir else _written(yaml.safe_load(file.read_text()))
    return load(Path(folder).expanduser(), file.stem)


def _written(sweep: dict[str, object]) -> str:
    return str(sweep.get("results_dir", "results/runs"))


def search(arguments: Sequence[str]) -> int:
    """Let a sampler choose runs."""
    from rna_bench.sweep.search.request import request_of

    parser = argparse.ArgumentParser(
        prog="rna-bench search",
        description="Search settings by several objectives at once, as sweeps/search/NAME.yaml says. Started again, it goes on; "
        "two at once share the work. Trials are ordinary runs. The exit code is 1 when a trial failed.",
    )
    parser.add_argument("name", help="a file of sweeps/search, without .yaml")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as of `rna-bench run`, and search.KEY=VALUE")
    parser.add_argument("--config-dir", type=Path, help="a folder of configuration of your own, as of `rna-bench run`")
    parser.add_argument("--front", action="store_true", help="show the front so far, and run nothing")
    given = parser.parse_intermixed_args(arguments)
    request = request_of(given.name, given.overrides, given.config_dir)
    from rna_bench.sweep.search.conduct import conduct, show

    return 0 if (show if given.front else conduct)(request) else 1
