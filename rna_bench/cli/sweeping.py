"""Commands about many runs: sweeps, their status, their disk space, searches."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rna_bench.sweep.plan import SweepPlan


def sweep(arguments: Sequence[str]) -> int:
    """Run a sweep, or what is left of it."""
    file = _sweep_file(arguments)
    from rna_bench.sweep.launch import sweep_main

    return 0 if sweep_main(file, arguments[1:]) else 1


def _sweep_file(arguments: Sequence[str]) -> Path:
    """Return the file of the sweep that the first argument names: one of the project's, or any YAML file."""
    from rna_bench.core.types import InputError
    from rna_bench.experiment.resolvers import config_folder

    folder, name = config_folder("sweeps"), arguments[0] if arguments else ""
    for file in (folder / f"{name}.yaml", Path(name)):
        if name and file.suffix == ".yaml" and file.is_file():
            return _checked(file, name)
    if name == "run":  # `rna-bench run -m` is a sweep, too
        return config_folder("conf") / "run.yaml"
    names = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
    raise InputError("sweep", name, f"there is no such sweep; choose one of {names}, or give a YAML file")


def _checked(file: Path, name: str) -> Path:
    """Return the file, after a check that it is YAML with the defaults of a sweep."""
    import yaml

    from rna_bench.core.types import InputError

    try:
        section = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError("sweep", name, f"cannot be read ({' '.join(str(error).split())}); correct it") from error
    if not isinstance(section, dict) or "defaults" not in section:
        raise InputError("sweep", name, "is no sweep: its `defaults` must begin with `run`, as in sweeps/demo.yaml")
    return file


def status(arguments: Sequence[str]) -> None:
    """Show the status of a sweep."""
    from rna_bench.sweep.status import sweep_status

    print(sweep_status(_stored("status", "The status of a sweep: each run, the time left, and warnings.", arguments)))


def clean(arguments: Sequence[str]) -> None:
    """Free a sweep's disk space."""
    from rna_bench.sweep.clean import clean_sweep

    description = "Remove a sweep's trained tensors, caches and logs. Records and responses stay."
    print("\n".join(clean_sweep(_stored("clean", description, arguments))))


def _stored(command: str, description: str, arguments: Sequence[str]) -> "SweepPlan":
    """Return the plan that a sweep stored, in the folder given or else in that of the sweep's file."""
    import yaml

    from rna_bench.sweep.plan import load_plan

    parser = argparse.ArgumentParser(prog=f"rna-bench {command}", description=description)
    parser.add_argument("sweep", help="a name as for `rna-bench sweep`, or `run` for `rna-bench run -m`")
    parser.add_argument("results_dir", nargs="?", metavar="results_dir=FOLDER", help="the results_dir that the sweep was given")
    parsed = parser.parse_args(arguments)
    file = _sweep_file([parsed.sweep])
    of_file = yaml.safe_load(file.read_text()).get("results_dir", "results/runs")
    folder = parsed.results_dir.removeprefix("results_dir=") if parsed.results_dir else str(of_file)
    return load_plan(Path(folder).expanduser(), file.stem)


def search(arguments: Sequence[str]) -> int:
    """Run a search, in which a sampler chooses the runs."""
    from rna_bench.core.renames import renamed_overrides
    from rna_bench.sweep.search.plan import plan_search

    parser = argparse.ArgumentParser(
        prog="rna-bench search",
        description="Search settings by several objectives at once, as sweeps/search/NAME.yaml says. Started again, it goes on; "
        "two at once share the work. Trials are ordinary runs. The exit code is 1 if a trial failed.",
    )
    parser.add_argument("name", help="a file of sweeps/search, without .yaml")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for `rna-bench run`, and search.KEY=VALUE")
    parser.add_argument("--config-dir", type=Path, help="a folder of your own configuration, as for `rna-bench run`")
    parser.add_argument("--front", action="store_true", help="show the front so far, and run nothing")
    parsed = parser.parse_intermixed_args(arguments)
    plan = plan_search(parsed.name, renamed_overrides(parsed.overrides), parsed.config_dir)
    from rna_bench.sweep.search.search import run_search, show_front

    return 0 if (show_front if parsed.front else run_search)(plan) else 1
