"""Commands about one run: run it, or find out what it would do."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rna_bench.doctor.report import Diagnosis

CONFIG_DIR = ("--config-dir", "-cd")
HYDRA = (("--config-path", "-cp"), ("--config-name", "-cn"), ("--package", "-p"), ("--experimental-rerun",))
"""Flags of Hydra's that have a value."""


def run_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench run`. Hydra reads them, and has flags beside these (`--hydra-help`)."""
    parser = argparse.ArgumentParser(
        prog="rna-bench run",
        description="Unlearn, score and record one run; with -m, one for each combination of comma-separated values.",
    )
    add_run_arguments(parser)
    return parser


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that `run` and `sweep` have in common."""
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="for instance method=npo noise.scale=0.5 seed=1")
    parser.add_argument("-m", "--multirun", action="store_true", help="a run for each combination of KEY=A,B; `sweep` always does")
    parser.add_argument(
        *CONFIG_DIR, type=Path, metavar="FOLDER", help="a folder of your own configuration: FOLDER/method/mine.yaml"
    )
    parser.add_argument("--cfg", "-c", choices=["job", "hydra", "all"], help="print the composed configuration, and run nothing")
    parser.add_argument("--resolve", action="store_true", help="with --cfg: print values in place of interpolations")
    for flags in HYDRA:
        parser.add_argument(*flags, help=argparse.SUPPRESS)


def check_run_arguments(arguments: Sequence[str], file: Path | None = None) -> argparse.Namespace:
    """Return the arguments of `run` or `sweep`; misspelt ones raise InputError. `file` is the sweep's."""
    from rna_bench.experiment.misspelt import check_spelling

    parsed, _ = run_parser().parse_known_intermixed_args(arguments)
    if not any((parsed.config_path, parsed.config_name, parsed.experimental_rerun)):  # another configuration altogether
        check_spelling(parsed.overrides, parsed.config_dir, file)
    return parsed


def run_keys(arguments: Sequence[str]) -> str:
    """Return what the help of `run` says of groups, options and keys."""
    from rna_bench.cli.run_help import run_help

    return run_help(arguments)


def run(arguments: Sequence[str]) -> int:
    """Run what the overrides say: one run, or with -m several."""
    check_run_arguments(arguments)
    from rna_bench.sweep.launch import run_main

    return 0 if run_main(arguments) else 1


def doctor_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench doctor`."""
    parser = argparse.ArgumentParser(
        prog="rna-bench doctor",
        description="Compose a run as `rna-bench run` does. Say what it would do, what is missing for it and how to get that, and "
        "estimate memory, disk space and time. Nothing is run, fetched or written. The exit code is 1 if something is missing.",
        epilog="For instance: rna-bench doctor model=zephyr_7b method=rmu noise=rna; rna-bench doctor --sweep paper_main_zephyr_7b",
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for `rna-bench run`, whose --help lists every key")
    parser.add_argument("--sweep", metavar="NAME", help="a sweep of sweeps/, or a YAML file: what all its runs need and take")
    parser.add_argument("--config-dir", type=Path, help="a folder of your own configuration, as for `rna-bench run`")
    parser.add_argument("--tflops", type=_rate, help="10^12 operations per second, to estimate times (100 on a GPU, 0.02 on a CPU)")
    return parser


def doctor(arguments: Sequence[str]) -> int:
    """Report what a run, or what is left of a sweep, would do and what is missing for it."""
    report, healthy = _diagnosis(doctor_parser().parse_intermixed_args(arguments))
    print(report)
    return 0 if healthy else 1


def _diagnosis(parsed: argparse.Namespace) -> "Diagnosis":
    """Return the report on a run, or on the runs of a sweep that are left to do."""
    from rna_bench.cli.sweeping import sweep_file
    from rna_bench.experiment.misspelt import check_spelling

    own, file = parsed.config_dir, sweep_file(parsed.sweep) if parsed.sweep is not None else None
    check_spelling(parsed.overrides, own, file)
    from rna_bench.core.renames import renamed_overrides
    from rna_bench.doctor.report import diagnose

    words = renamed_overrides(parsed.overrides)
    if file is None:
        return diagnose(words, parsed.tflops, own)
    from rna_bench.doctor.sweep_report import SweepSize, diagnose_sweep
    from rna_bench.sweep.launch import combinations
    from rna_bench.sweep.outstanding import outstanding

    grid = combinations(file, words, own)
    left = outstanding(grid)
    size = SweepSize(file.stem, len(grid), left.repeated, left.recorded, left.problems)
    given = ["--sweep", parsed.sweep, *words, *(["--config-dir", str(own)] if own else [])]
    return diagnose_sweep(size, left.experiments, given, parsed.tflops)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return rate
