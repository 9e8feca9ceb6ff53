"""Commands about one run: run it, or find out what it would do."""

import argparse
from collections.abc import Sequence
from pathlib import Path


def run(arguments: Sequence[str]) -> int:
    """Run what the overrides say: one run, or with -m several."""
    from rna_bench.sweep.launch import run_main

    return 0 if run_main(arguments) else 1


def doctor(arguments: Sequence[str]) -> int:
    """Report what a run would do and what is missing for it."""
    from rna_bench.core.renames import renamed_overrides
    from rna_bench.doctor.report import diagnose

    parser = argparse.ArgumentParser(
        prog="rna-bench doctor",
        description="Compose a run as `rna-bench run` does. Say what it would do, what is missing for it and how to get that, and "
        "estimate memory, disk space and time. Nothing is run, fetched or written. The exit code is 1 if something is missing.",
        epilog="For instance: rna-bench doctor model=zephyr_7b method=rmu noise=rna",
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for `rna-bench run`, whose --help lists every key")
    parser.add_argument("--config-dir", type=Path, help="a folder of your own configuration, as for `rna-bench run`")
    parser.add_argument("--tflops", type=_rate, help="10^12 operations per second, to estimate times (100 on a GPU, 0.02 on a CPU)")
    parsed = parser.parse_intermixed_args(arguments)
    report, healthy = diagnose(renamed_overrides(parsed.overrides), parsed.tflops, parsed.config_dir)
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
