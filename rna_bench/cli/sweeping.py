"""Commands about many runs: sweeps, their status, their disk space, searches."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rna_bench.sweep.plan import SweepPlan

FOLDER = "results_dir="
RESULTS = "results/runs"
"""The results_dir of conf/run.yaml."""


def sweep(arguments: Sequence[str]) -> int:
    """Run a sweep, or what is left of it."""
    from rna_bench.sweep.launch import first_word, sweep_main

    name, rest = first_word(arguments)
    return 0 if sweep_main(sweep_file([name]), rest, ("sweep", *arguments)) else 1


def sweep_file(arguments: Sequence[str]) -> Path:
    """Return the file of the sweep that the first argument names: one of the project's, or any YAML file."""
    from rna_bench.core.types import InputError
    from rna_bench.experiment.resolvers import config_folder

    folder, name = config_folder("sweeps"), arguments[0] if arguments else ""
    for file in (folder / f"{name}.yaml", Path(name)):
        if name and file.suffix == ".yaml" and file.is_file():
            return _checked(file, name)
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
    """Show the status of a sweep, or of each sweep in short."""
    from rna_bench.sweep.plan import stored_plans
    from rna_bench.sweep.status import sweep_list, sweep_status

    description = "The status of a sweep: each run, the time left, warnings, and the command that goes on with it."
    parser = _parser("status", f"{description} Without a name, that of each sweep in short.")
    parsed = parser.parse_args([*([""] if not arguments or arguments[0].startswith(FOLDER) else []), *arguments])
    if parsed.sweep:
        print(sweep_status(_stored(parsed.sweep, parsed.results_dir)))
        return
    folders = [_folder(parsed.results_dir)] if parsed.results_dir else _folders()
    plans = [plan for folder in folders for plan in stored_plans(folder)]
    print(sweep_list(plans) or f"no sweep was started in {', '.join(map(str, folders)) or 'results'}; see `rna-bench sweep`")


def clean(arguments: Sequence[str]) -> None:
    """Free a sweep's disk space."""
    from rna_bench.sweep.clean import clean_sweep

    description = "Remove a sweep's trained tensors, caches and logs. Records and responses stay."
    parsed = _parser("clean", description).parse_args(arguments)
    print("\n".join(clean_sweep(_stored(parsed.sweep, parsed.results_dir))))


def _parser(command: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"rna-bench {command}", description=description)
    parser.add_argument("sweep", help="its name: that of its file, unless it was given another (`rna-bench status` lists them)")
    parser.add_argument("results_dir", nargs="?", metavar="results_dir=FOLDER", help="the results_dir that the sweep was given")
    return parser


def _folder(word: str) -> Path:
    return Path(word.removeprefix(FOLDER)).expanduser()


def _folders() -> list[Path]:
    """Return the results folders below `results` in which a sweep was started."""
    from rna_bench.sweep import plan

    return sorted(path.parent for depth in ("*", "*/*") for path in Path("results").glob(f"{depth}/{plan.FOLDER}"))


def _stored(name: str, results_dir: str | None) -> "SweepPlan":
    """Return a sweep's plan: of the folder given, else of its file's, else of the first below `results` that has it."""
    import yaml

    from rna_bench.core.types import InputError
    from rna_bench.sweep.plan import load_plan, plan_path

    if results_dir:
        return load_plan(_folder(results_dir), Path(name).stem if name.endswith(".yaml") else name)
    try:
        file = sweep_file([name])
        name, own = file.stem, yaml.safe_load(file.read_text()).get("results_dir", RESULTS)
    except InputError:  # the name of no file: that of a sweep
        own = RESULTS
    folders = [Path(str(own)).expanduser(), *_folders()]
    return load_plan(next((each for each in folders if plan_path(each, name).exists()), folders[0]), name)


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
