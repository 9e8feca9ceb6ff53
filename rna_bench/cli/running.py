"""Commands about one run: run it, or find out what it would do."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rna_bench.doctor.report import Diagnosis


def run(arguments: Sequence[str]) -> int:
    """Run what the overrides say: one run, or with -m several."""
    from rna_bench.sweep.launch import run_main

    return 0 if run_main(arguments) else 1


def doctor(arguments: Sequence[str]) -> int:
    """Report what a run would do and what is missing for it."""
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
    parsed = parser.parse_intermixed_args(arguments)
    report, healthy = _diagnosis(parsed)
    print(report)
    return 0 if healthy else 1


def _diagnosis(parsed: argparse.Namespace) -> "Diagnosis":
    """Return the report on a run, or on the runs of a sweep that are left to do."""
    from rna_bench.core.renames import renamed_overrides
    from rna_bench.doctor.report import diagnose

    words, own = renamed_overrides(parsed.overrides), parsed.config_dir
    if parsed.sweep is None:
        return diagnose(words, parsed.tflops, own)
    from rna_bench.cli.sweeping import sweep_file
    from rna_bench.doctor.sweep_report import SweepSize, diagnose_sweep
    from rna_bench.sweep.launch import combinations
    from rna_bench.sweep.outstanding import outstanding

    grid = combinations(sweep_file([parsed.sweep]), words, own)
    left = outstanding(grid)
    size = SweepSize(parsed.sweep, len(grid), left.repeated, left.recorded, left.problems)
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
