"""Commands about many runs: sweeps, their status, their disk space, searches."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rna_bench.cli.running import add_run_arguments, check_run_arguments, run_parser

if TYPE_CHECKING:
    from rna_bench.sweep.plan import SweepPlan

FOLDER = "results_dir="
RESULTS = "results/runs"
"""The results_dir of conf/run.yaml."""


def sweep_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench sweep`, those of `rna-bench run` among them."""
    parser = argparse.ArgumentParser(
        prog="rna-bench sweep",
        description="Run a sweep, or what is left of it: what is recorded is not run again. One run's failure stops no other. The "
        "exit code is 1 if a run has no record.",
        epilog="For instance: rna-bench sweep pocket_methods launcher=joblib",
    )
    parser.add_argument("name", metavar="NAME", help="a file of sweeps, without .yaml (`rna-bench list sweeps`), or any YAML file")
    add_run_arguments(parser)
    return parser


def sweep(arguments: Sequence[str]) -> int:
    """Run a sweep, or what is left of it."""
    words = run_parser().parse_known_intermixed_args(arguments)[0].overrides
    name, rest = words[0] if words else "", list(arguments)
    if words:
        rest.remove(name)
    file = sweep_file(name)
    check_run_arguments(rest, file)
    from rna_bench.sweep.launch import sweep_main

    return 0 if sweep_main(file, rest, ("sweep", *arguments)) else 1


def sweep_file(name: str) -> Path:
    """Return the file of the sweep of that name: one of the project's, or any YAML file."""
    from rna_bench.core.conf_files import config_folder, sweeps
    from rna_bench.core.spelling import choose_one
    from rna_bench.core.types import InputError

    for file in (config_folder("sweeps") / f"{name}.yaml", Path(name)):
        if name and file.suffix == ".yaml" and file.is_file():
            return _checked(file, name)
    raise InputError("sweep", name, f"there is no such sweep; {choose_one(name, sweeps())}, or give a YAML file")


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


def status_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench status`."""
    description = "The status of a sweep: each run, the time left, warnings, and the command that goes on with it."
    return _parser("status", f"{description} Without a name, that of each sweep in short.", name="?")


def status(arguments: Sequence[str]) -> None:
    """Show the status of a sweep, or of each sweep in short."""
    from rna_bench.sweep.plan import stored_plans
    from rna_bench.sweep.status import sweep_list, sweep_status

    parsed = status_parser().parse_args([*([""] if arguments and arguments[0].startswith(FOLDER) else []), *arguments])
    if parsed.sweep:
        print(sweep_status(stored_plan(parsed.sweep, parsed.results_dir)))
        return
    folders = [_folder(parsed.results_dir)] if parsed.results_dir else _folders()
    plans = [plan for folder in folders for plan in stored_plans(folder)]
    print(sweep_list(plans) or f"no sweep was started in {', '.join(map(str, folders)) or 'results'}; see `rna-bench sweep`")


def clean_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench clean`."""
    return _parser("clean", "Remove a sweep's trained tensors, caches and logs. Records and responses stay.")


def clean(arguments: Sequence[str]) -> None:
    """Free a sweep's disk space."""
    from rna_bench.sweep.clean import clean_sweep

    parsed = clean_parser().parse_args(arguments)
    print("\n".join(clean_sweep(stored_plan(parsed.sweep, parsed.results_dir))))


def _parser(command: str, description: str, name: str | None = None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"rna-bench {command}", description=description)
    named = "its name: that of its file, unless it was given another (`rna-bench status` lists them)"
    parser.add_argument("sweep", metavar="NAME", nargs=name, help=named)
    parser.add_argument("results_dir", nargs="?", metavar="results_dir=FOLDER", help="the results_dir that the sweep was given")
    return parser


def _folder(word: str) -> Path:
    return Path(word.removeprefix(FOLDER)).expanduser()


def _folders() -> list[Path]:
    """Return the results folders below `results` in which a sweep was started."""
    from rna_bench.sweep import plan

    return sorted(path.parent for depth in ("*", "*/*") for path in Path("results").glob(f"{depth}/{plan.FOLDER}"))


def stored_plan(name: str, results_dir: str | None) -> "SweepPlan":
    """Return a sweep's plan: of the folder given, else of its file's, else of the first below `results` that has it."""
    import yaml

    from rna_bench.core.types import InputError
    from rna_bench.sweep.plan import load_plan, plan_path

    if results_dir:
        return load_plan(_folder(results_dir), Path(name).stem if name.endswith(".yaml") else name)
    try:
        file = sweep_file(name)
        name, own = file.stem, yaml.safe_load(file.read_text()).get("results_dir", RESULTS)
    except InputError:  # the name of no file: that of a sweep
        own = RESULTS
    folders = [Path(str(own)).expanduser(), *_folders()]
    return load_plan(next((each for each in folders if plan_path(each, name).exists()), folders[0]), name)


def search_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench search`."""
    parser = argparse.ArgumentParser(
        prog="rna-bench search",
        description="Search settings by several objectives at once, as sweeps/search/NAME.yaml says. Started again, it goes on; "
        "two at once share the work. Trials are ordinary runs. The exit code is 1 if a trial failed.",
    )
    parser.add_argument("name", help="a file of sweeps/search, without .yaml")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for `rna-bench run`, and search.KEY=VALUE")
    parser.add_argument("--config-dir", type=Path, help="a folder of your own configuration, as for `rna-bench run`")
    parser.add_argument("--front", action="store_true", help="show the front so far, and run nothing")
    return parser


def search(arguments: Sequence[str]) -> int:
    """Run a search, in which a sampler chooses the runs."""
    parsed = search_parser().parse_intermixed_args(arguments)
    from rna_bench.core.conf_files import sweeps
    from rna_bench.experiment.misspelt import check_spelling

    file = sweeps("search").get(parsed.name)
    check_spelling(parsed.overrides, parsed.config_dir, file)
    from rna_bench.core.renames import renamed_overrides
    from rna_bench.sweep.search.plan import plan_search

    plan = plan_search(parsed.name, renamed_overrides(parsed.overrides), parsed.config_dir)
    from rna_bench.sweep.search.search import run_search, show_front

    return 0 if (show_front if parsed.front else run_search)(plan) else 1
