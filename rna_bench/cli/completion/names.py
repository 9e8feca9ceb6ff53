"""The names that a command takes, for shell completion."""

from pathlib import Path

RESULTS = "results/runs"


def sweep_names() -> list[str]:
    """Return the names of the project's sweeps."""
    from rna_bench.core.conf_files import sweeps

    return [*sweeps()]


def started_names() -> list[str]:
    """Return the names of sweeps that were started in results/runs or a folder in it, and of the project's."""
    stored = {path.stem for depth in (".", "*") for path in Path(RESULTS).glob(f"{depth}/.sweeps/*.json")}
    return sorted({*stored, *sweep_names()})


def search_names() -> list[str]:
    """Return the names of the project's searches."""
    from rna_bench.core.conf_files import sweeps

    return [*sweeps("search")]


def result_names() -> list[str]:
    """Return the names of folders of records."""
    from rna_bench.cli.listing import result_folders

    return [*result_folders()]


def run_folders() -> list[str]:
    """Return the folders of runs, your own and published ones."""
    from rna_bench.runs.collection import PLACES, record_paths

    return [str(path.parent) for place in PLACES for path in record_paths(place, deep=True)]


def list_names() -> list[str]:
    """Return what `rna-bench list` lists."""
    from rna_bench.cli.listing import lists

    return [*lists(None, None)]


def shells() -> list[str]:
    """Return the shells that there is a script for."""
    from rna_bench.cli.completion.command import SCRIPTS

    return [*SCRIPTS]
