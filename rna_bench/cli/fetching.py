"""The command that gets from the hub what runs need."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rna_bench.experiment.config import ExperimentConfig


def fetch_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench fetch`."""
    parser = argparse.ArgumentParser(
        prog="rna-bench fetch",
        description="Get from the Hugging Face hub what a run, or each run of a sweep, needs and the local cache lacks: model, "
        "text and questions, at their pinned revisions, weights in safetensors alone. Sizes are printed first. Files that were "
        "whole before an interruption are not fetched again. The exit code is 1 if something is not there at the end.",
        epilog="For instance: rna-bench fetch model=zephyr_7b; rna-bench fetch --sweep paper_main_zephyr_7b",
    )
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as for `rna-bench run`, whose --help lists every key")
    parser.add_argument("--sweep", metavar="NAME", help="a sweep of sweeps/, or a YAML file: everything that its runs need")
    parser.add_argument("--config-dir", type=Path, help="a folder of your own configuration, as for `rna-bench run`")
    parser.add_argument("--sizes", action="store_true", help="print what is there and what would be fetched, and fetch nothing")
    return parser


def fetch(arguments: Sequence[str]) -> int:
    """Fetch model, text and questions of a run, or of each run of a sweep, into the hub's cache."""
    os.environ["HF_HUB_OFFLINE"] = "0"  # before the hub's client is imported: no other command goes online by itself
    parsed = fetch_parser().parse_intermixed_args(arguments)
    made = experiments(parsed.overrides, parsed.sweep, parsed.config_dir)
    from rna_bench.experiment.repositories import fetch_repositories, repositories

    repos = repositories(made)
    if not repos:
        print("nothing to fetch: model, text and questions are not read from the hub")
        return 0
    return 0 if fetch_repositories(repos, only_show=parsed.sizes) else 1


def experiments(overrides: Sequence[str], sweep: str | None, own: Path | None) -> "list[ExperimentConfig]":
    """Return the run that the overrides compose, or all runs of a sweep; `own` is a user's folder of configuration."""
    from rna_bench.cli.sweeping import sweep_file
    from rna_bench.experiment.misspelt import check_spelling

    file = None if sweep is None else sweep_file(sweep)
    check_spelling(overrides, own, file)
    from rna_bench.core.renames import renamed_overrides

    words = renamed_overrides(overrides)
    if file is None:
        from rna_bench.experiment.compose import compose_run
        from rna_bench.experiment.config import experiment_config

        return [experiment_config(*compose_run(words, own), words)]
    from rna_bench.sweep.launch import combinations

    return [one.experiment for one in combinations(file, words, own)]
