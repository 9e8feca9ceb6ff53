"""The command line: `rna-bench run`, `doctor`, `sweep`, `tables`, `report`, `export`, `pocket train`."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

EPILOG = """\
rna-bench run [KEY=VALUE ...]         one run; -m and KEY=A,B for several; --help for every key; --cfg job for what is composed
rna-bench doctor [KEY=VALUE ...]      what such a run would do, what it lacks and what it would take; nothing is run or fetched
rna-bench sweep NAME [KEY=VALUE ...]  the runs of sweeps/NAME.yaml
rna-bench tables [FOLDER]             tables from the records in a folder (results/runs)
rna-bench report [NAME_OR_FOLDER]     one HTML page of the records in a folder (results/published)
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
        "tables": _tables,
        "report": _report,
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


def _run(arguments: Sequence[str]) -> None:
    from rna_bench.run import hydra_main

    hydra_main("run", arguments)


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


def _sweep(arguments: Sequence[str]) -> None:
    from rna_bench.config import config_folder
    from rna_bench.run import hydra_main
    from rna_bench.schema import InputError

    folder = config_folder("sweeps")
    names = sorted(path.stem for path in folder.glob("*.yaml"))
    if not arguments or arguments[0] not in names:
        given = arguments[0] if arguments else ""
        raise InputError("sweep", given, f"there is no such sweep; choose one of {', '.join(names)}")
    hydra_main(arguments[0], ["--config-dir", str(folder), *arguments[1:]])


def _tables(arguments: Sequence[str]) -> None:
    from rna_bench.reporting.tables import write_tables

    parser = argparse.ArgumentParser(prog="rna-bench tables", description="Tables from run records alone.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("results/runs"), help="folder of records")
    parser.add_argument("--out", type=Path, help="where tables.md and a CSV and LaTeX file a table go (FOLDER/tables)")
    given = parser.parse_args(arguments)
    print(write_tables(given.folder, given.out or given.folder / "tables"))


def _report(arguments: Sequence[str]) -> None:
    from rna_bench.reporting.page.build import write_report
    from rna_bench.runs.collection import find

    parser = argparse.ArgumentParser(
        prog="rna-bench report",
        description="One HTML page of run records: the claims, a table of runs, a plot, comparisons and single runs. It opens from "
        "disk and fetches nothing.",
    )
    parser.add_argument(
        "folder", nargs="?", metavar="NAME_OR_FOLDER", help="records, those in folders of it too (results/published)"
    )
    parser.add_argument("--out", type=Path, help="the file to write (results/report.html; of a folder given, FOLDER/report.html)")
    given = parser.parse_args(arguments)
    folder = find(given.folder or "results/published")
    print(write_report(folder, given.out or (folder if given.folder else folder.parent) / "report.html"))


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
