"""The command that attacks recorded runs."""

import argparse
from collections.abc import Sequence
from pathlib import Path


def attack_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench attack`."""
    parser = argparse.ArgumentParser(
        prog="rna-bench attack",
        description="Try to recover what recorded runs have unlearned, from their trained tensors. Each attack is recorded beside "
        "the run, as attack-NAME.json with the responses in attack-NAME.parquet; what is recorded is not run again.",
        epilog="For instance: rna-bench attack pocket attack=[relearn,relearn_benign]; `rna-bench list attacks` says what there is",
    )
    parser.add_argument(
        "words",
        nargs="+",
        metavar="RUN|KEY=VALUE",
        help="runs: a run's folder, its identity or the beginning of it, or a folder of records or its name, for all in it; "
        "and attack=[NAME,...] with keys of the attacks, as attack.relearn.lr=1e-3",
    )
    parser.add_argument(
        "--config-dir", type=Path, metavar="FOLDER", help="a folder of your own configuration: FOLDER/attack/mine.yaml"
    )
    parser.add_argument(
        "--deltas", type=Path, metavar="FOLDER", help="where trained tensors are that do not lie beside the records"
    )
    parser.add_argument("--retrain", action="store_true", help="train runs again whose trained tensors are nowhere (pocket: 15 s)")
    return parser


def attack(arguments: Sequence[str]) -> int:
    """Attack runs, and print a line for each attack; the exit code is 1 if some run could not be attacked."""
    parsed = attack_parser().parse_intermixed_args(arguments)
    from rna_bench.core.types import InputError
    from rna_bench.experiment.misspelt import check_spelling

    names = [word for word in parsed.words if "=" not in word]
    words = [word for word in parsed.words if "=" in word]
    other = next((word for word in words if word.lstrip("+").split("=")[0].split(".")[0] != "attack"), None)
    if other:
        key, _, value = other.partition("=")
        raise InputError(key, value, "is a key of the run, which is recorded; give attack=[...] and attack.KEY alone")
    if not names or not words:
        missing = "attack=[NAME,...]; `rna-bench list attacks` says what there is" if names else "the runs to attack"
        raise InputError("attack", " ".join(parsed.words), f"give {missing}")
    check_spelling(words, parsed.config_dir)
    from rna_bench.experiment.attack_runs import AttackWords, attack_runs

    return 0 if attack_runs(names, AttackWords(words, parsed.config_dir, parsed.deltas, parsed.retrain)) else 1
