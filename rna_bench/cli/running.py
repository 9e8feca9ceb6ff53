"""Commands that run something, or say what would run."""

import argparse
from collections.abc import Sequence
from pathlib import Path


def run(arguments: Sequence[str]) -> int:
    """Run what the overrides say: one run, or with -m several."""
    from rna_bench.sweep.launch import run_main

    return 0 if run_main(arguments) else 1


def doctor(arguments: Sequence[str]) -> int:
    """Say what a run would do and what it lacks."""
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
