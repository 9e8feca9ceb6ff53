"""The command that verifies records."""

import argparse
from collections.abc import Sequence
from pathlib import Path

DEFAULT = (Path("results/published"), Path("results/runs"))


def verify_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench verify`."""
    parser = argparse.ArgumentParser(
        prog="rna-bench verify",
        description="Check that records are as they were written: each identity follows from settings and fingerprints, each hash "
        "from the file, each score from questions.parquet. Each record that fails gets a line that says what differs, and the exit "
        "code is 1 then. Records written before schema 5 have no hashes, so their losses and eval points cannot be checked.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME_OR_FOLDER",
        help="a run's folder, a folder of records or of such folders, or a name below results/runs or results/published "
        "(results/published and results/runs)",
    )
    return parser


def verify(arguments: Sequence[str]) -> int:
    """Verify records: print a line for each that fails, and a summary."""
    names = verify_parser().parse_args(arguments).names
    from rna_bench.reporting.verification import summary, verify_records
    from rna_bench.runs.collection import find

    folders = [find(name) for name in names] or [folder for folder in DEFAULT if folder.is_dir()] or [DEFAULT[0]]
    records = verify_records(folders)
    failed = [one.line for one in records if one.problems]
    print("\n".join([*failed, summary(records)]))
    return 1 if failed else 0
