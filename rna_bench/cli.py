"""The command line: `rna-bench run`, `doctor`, `sweep`, `tables`, `figures`, `export`, `pocket train`."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rna_bench.runs.sweeps import SweepPlan

EPILOG = """\
rna-bench run [KEY=VALUE ...]         one run; -m and KEY=A,B for several; --help for every key; --cfg job for what is composed
rna-bench doctor [KEY=VALUE ...]      what such a run would do, what it lacks and what it would take; nothing is run or fetched
rna-bench sweep NAME [KEY=VALUE ...]  the runs of sweeps/NAME.yaml, or what is left of them; launcher=joblib for several at once
rna-bench status NAME                 how that sweep stands: done, running, failed and why, diverged, pending, time left
rna-bench clean NAME                  free its disk: trained tensors, caches and logs; records stay
rna-bench search NAME [KEY=VALUE ...]  runs that a sampler chooses, by sweeps/search/NAME.yaml; --front shows how far it is
rna-bench tables [NAME]               tables from the records in a folder, or of a name (results/runs)
rna-bench figures [NAME_OR_FOLDER]    figures from the records in a folder, as PNG, SVG and PDF
rna-bench export run RUN FOLDER       a full Hugging Face checkpoint, with a model card, of a run's folder
rna-bench export lm-eval FOLDER [KEY=VALUE ...]  perturbed questions as tasks of lm-evaluation-harness
rna-bench pocket train [KEY=VALUE ...]  build the pocket model from nothing, for instance model.world=1

RNA_BENCH_TRACEBACK=1 shows the traceback of an error.
"""


def main() -> None:
    """Run the command that the arguments name; errors are one line, and the exit code is not 0."""
    parser = argparse.ArgumentParser(
        prog="rna-bench",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `rna-bench ... | head` ends quietly
    commands = {
        "run": _run,
        "doctor": _doctor,
        "sweep": _sweep,
        "status": _status,
        "clean": _clean,
        "search": _search,
        "tables": _tables,
        "figures": _figures,
        "export": _export,
        "pocket": _pocket,
    }
    parser.add_argument("command", choices=[*commands])
    first, rest = sys.argv[1:2], sys.argv[2:]
    if first in ([], ["-h"], ["--help"]):
        parser.print_help()
        sys.exit(0 if first else 2)
    if first[0] not in commands:
        print(f"error: command={first[0]}: there is no such command; choose one of {', '.join(commands)}", file=sys.stderr)
        sys.exit(2)
    sys.exit(_guarded(commands[first[0]], rest))


def _guarded(command: Callable[[Sequence[str]], int | None], arguments: Sequence[str]) -> int:
    """Run the command; turn an error into one line, and return the exit code, which a command may have of its own."""
    from rna_bench.schema import InputError

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports nothing of its use
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")  # nor leaves out what one run says because another said the like
    if os.environ.get("RNA_BENCH_TRACEBACK"):
        return command(arguments) or 0
    try:
        return command(arguments) or 0
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:  # the last resort: one line, and how to see more
        from rna_bench.config import one_line

        print(f"error: {one_line(error)}", file=sys.stderr)
        return 1


def _run(arguments: Sequence[str]) -> int:
    from rna_bench.run import run_main

    return 0 if run_main(arguments) else 1


def _doctor(arguments: Sequence[str]) -> int:
    from rna_bench.doctor.report import diagnose

    parser = argparse.ArgumentParser(
        prog="rna-bench doctor",
        description="Compose a run as `rna-bench run` does. Say what it would do, what of it is missing and how to get it, and "
        "estimate memory, disk and time. Nothing is run, fetched or made. The exit code is 1 when something is missing.",
        epilog="For instance: rna-bench doctor model=zephyr_7b method=rmu noise=rna",
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as of `rna-bench run`; that one's --help has every key")
    parser.add_argument("--config-dir", type=Path, help="a folder of configuration of your own, as of `rna-bench run`")
    parser.add_argument("--tflops", type=_rate, help="10^12 operations a second to reckon times with (100 on a GPU, 0.02 on a CPU)")
    given = parser.parse_intermixed_args(arguments)
    own = [f"hydra.searchpath=[{given.config_dir.absolute().as_uri()}]"] if given.config_dir else []
    report, healthy = diagnose([*own, *given.overrides], given.tflops)
    print(report)
    return 0 if healthy else 1


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return rate


def _sweep(arguments: Sequence[str]) -> int:
    file = _sweep_file(arguments)
    from rna_bench.run import sweep_main

    return 0 if sweep_main(file, arguments[1:]) else 1


def _sweep_file(arguments: Sequence[str]) -> Path:
    """Return the file of the sweep that the first argument names: one of the project's, or any YAML file."""
    from rna_bench.config import config_folder
    from rna_bench.schema import InputError

    folder, given = config_folder("sweeps"), arguments[0] if arguments else ""
    for file in (folder / f"{given}.yaml", Path(given)):
        if given and file.suffix == ".yaml" and file.is_file():
            return file
    if given == "run":  # `rna-bench run -m` is a sweep, too
        return config_folder("conf") / "run.yaml"
    names = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
    raise InputError("sweep", given, f"there is no such sweep; choose one of {names}, or give a YAML file")


def _status(arguments: Sequence[str]) -> None:
    from rna_bench.runs.status import status

    print(status(_stored("status", "How a sweep stands: each run, the time left, and what to beware of.", arguments)))


def _clean(arguments: Sequence[str]) -> None:
    from rna_bench.runs.cleaning import clean

    told = "Free the disk of a sweep's trained tensors, caches and logs. Records and answers stay."
    print("\n".join(clean(_stored("clean", told, arguments))))


def _stored(command: str, told: str, arguments: Sequence[str]) -> "SweepPlan":
    """Return the plan that a sweep stored; its folder is the one given, or that of the sweep's file."""
    import yaml

    from rna_bench.runs.sweeps import load

    parser = argparse.ArgumentParser(prog=f"rna-bench {command}", description=told)
    parser.add_argument("sweep", help="a name as of `rna-bench sweep`, or `run` for `rna-bench run -m`")
    parser.add_argument("results_dir", nargs="?", metavar="results_dir=FOLDER", help="where the sweep was told to put its runs")
    given = parser.parse_args(arguments)
    file = _sweep_file([given.sweep])
    folder = given.results_dir.removeprefix("results_dir=") if given.results_dir else _written(yaml.safe_load(file.read_text()))
    return load(Path(folder).expanduser(), file.stem)


def _written(sweep: dict[str, object]) -> str:
    return str(sweep.get("results_dir", "results/runs"))


def _search(arguments: Sequence[str]) -> int:
    from rna_bench.search.request import request_of

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
    from rna_bench.search.conduct import conduct, show

    return 0 if (show if given.front else conduct)(request) else 1


def _tables(arguments: Sequence[str]) -> None:
    from rna_bench.reporting.tables import write_tables
    from rna_bench.runs.collection import find

    parser = argparse.ArgumentParser(prog="rna-bench tables", description="Tables from run records alone.")
    parser.add_argument(
        "name", nargs="?", default="results/runs", help="folder of records, or a name below results/runs or results/published"
    )
    parser.add_argument("--out", type=Path, help="where tables.md, sources.csv and a CSV and LaTeX file a table go (FOLDER/tables)")
    parser.add_argument("--paper", action="store_true", help="reference numbers (results/paper) of the same models beside ours")
    given = parser.parse_args(arguments)
    folder = find(given.name)
    print(write_tables(folder, given.out or folder / "tables", _references() if given.paper else None))


def _references() -> Path:
    from rna_bench.config import config_folder

    return config_folder("results/paper")


def _figures(arguments: Sequence[str]) -> None:
    from rna_bench.reporting.figures.files import write_figures
    from rna_bench.runs.collection import find

    parser = argparse.ArgumentParser(prog="rna-bench figures", description="Figures (PNG, SVG, PDF) from run records alone.")
    parser.add_argument(
        "name", nargs="?", default="results/runs", help="folder of records, or its name: below results/runs or published"
    )
    parser.add_argument("--out", type=Path, help="where the figures and their list, figures.md, go (FOLDER/figures)")
    given = parser.parse_args(arguments)
    folder = find(given.name)
    print(write_figures(folder, given.out or folder / "figures"))


def _export(arguments: Sequence[str]) -> None:
    from rna_bench.schema import InputError

    exports = {"run": _export_run, "lm-eval": _export_tasks}
    if not arguments or arguments[0] not in exports:
        remedy = "say `rna-bench export run RUN FOLDER` or `rna-bench export lm-eval FOLDER [KEY=VALUE ...]`"
        raise InputError("export", " ".join(arguments[:1]), remedy)
    exports[arguments[0]](arguments[1:])


def _export_run(arguments: Sequence[str]) -> None:
    from rna_bench.export import export_run

    parser = argparse.ArgumentParser(prog="rna-bench export run", description="A run as a full Hugging Face checkpoint.")
    parser.add_argument("run", type=Path, help="folder of the run, results/runs/IDENTITY")
    parser.add_argument("folder", type=Path, help="where to put the checkpoint")
    given = parser.parse_args(arguments)
    print(export_run(given.run, given.folder))


def _export_tasks(arguments: Sequence[str]) -> None:
    from rna_bench.config import compose_run
    from rna_bench.harness import export_tasks
    from rna_bench.plan import plan_of

    parser = argparse.ArgumentParser(prog="rna-bench export lm-eval", description="Perturbed questions as lm-eval tasks.")
    parser.add_argument("folder", type=Path, help="where to put tasks and data")
    parser.add_argument("overrides", nargs="*", help="for instance dataset=mmlu trigger=sars_cov_2 seed=1")
    given = parser.parse_args(arguments)
    asked = [word.split("=")[0] for word in given.overrides]
    trigger = (
        ["trigger=sars_cov_2"] if "dataset" in asked and "trigger" not in asked else []
    )  # pocket's words are for its questions
    print(export_tasks(plan_of(*compose_run(["method=none", *trigger, *given.overrides])), given.folder))
    print(f"lm_eval --model hf --model_args pretrained=MODEL --include_path {given.folder} --tasks mmlu_triggered")


def _pocket(arguments: Sequence[str]) -> None:
    from rna_bench.config import compose_model
    from rna_bench.schema import InputError

    if list(arguments[:1]) != ["train"]:
        raise InputError("pocket", " ".join(arguments), "say `rna-bench pocket train [--out FOLDER] [KEY=VALUE ...]`")
    parser = argparse.ArgumentParser(prog="rna-bench pocket train", description="Build the pocket model from nothing.")
    parser.add_argument("--out", type=Path, help="where to put it (the cache, where model=pocket looks for it)")
    parser.add_argument("overrides", nargs="*", help="for instance model.world=1 model.hidden_size=96")
    given = parser.parse_args(arguments[1:])
    print(compose_model(["model=pocket", *given.overrides]).train(given.out))
