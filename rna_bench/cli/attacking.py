"""The command that attacks recorded runs."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

LOG = logging.getLogger(__name__)


def attack_parser() -> argparse.ArgumentParser:
    """Return the arguments of `rna-bench attack`."""
    parser = argparse.ArgumentParser(
        prog="rna-bench attack",
        description="Try to recover what recorded runs have unlearned, from their trained tensors. Each attack is recorded beside "
        "the run, as attack-NAME.json with the responses in attack-NAME.parquet; what is recorded is not run again, and the same "
        "command goes on with what was interrupted. The exit code is 1 if a run could not be attacked.",
        epilog="For instance: rna-bench attack pocket attack=[relearn,relearn_benign]; `rna-bench list attacks` says what there is",
    )
    parser.add_argument(
        "words",
        nargs="+",
        metavar="RUN|KEY=VALUE",
        help="runs: a run's folder, its identity or the beginning of it, or for many a sweep's name or file, or a folder of "
        "records or its name; and attack=[NAME,...] with keys of the attacks, as attack.relearn.lr=1e-3, and tracker=wandb",
    )
    parser.add_argument(
        "--config-dir", type=Path, metavar="FOLDER", help="a folder of your own configuration: FOLDER/attack/mine.yaml"
    )
    parser.add_argument(
        "--deltas", type=Path, metavar="FOLDER", help="where trained tensors are that do not lie beside the records"
    )
    parser.add_argument("--retrain", action="store_true", help="train runs again whose trained tensors are nowhere (pocket: 15 s)")
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="processes of this machine, each with a model of its own (cores by the threads of a run, at most 8; 1 on a GPU)",
    )
    return parser


def attack(arguments: Sequence[str]) -> int:
    """Attack runs, and print the scores of each attack; the exit code is 1 if some run could not be attacked."""
    parsed = attack_parser().parse_intermixed_args(arguments)
    from rna_bench.core.types import InputError
    from rna_bench.experiment.misspelt import check_spelling

    names = [word for word in parsed.words if "=" not in word]
    words = [word for word in parsed.words if "=" in word]
    other = next((word for word in words if word.lstrip("+").split("=")[0].split(".")[0] not in ("attack", "tracker")), None)
    if other:
        key, _, value = other.partition("=")
        raise InputError(key, value, "is a key of the run, which is recorded; give attack=[...], attack.KEY and tracker=NAME alone")
    if not names or not words:
        missing = "attack=[NAME,...]; `rna-bench list attacks` says what there is" if names else "the runs to attack"
        raise InputError("attack", " ".join(parsed.words), f"give {missing}")
    if parsed.jobs is not None and parsed.jobs < 1:
        raise InputError("--jobs", parsed.jobs, "give 1 or more")
    check_spelling(words, parsed.config_dir)
    from rna_bench.experiment.attack_runs import attack_request
    from rna_bench.sweep.attack_many import attack_runs

    request = attack_request(words, parsed.config_dir, parsed.deltas, retrain=parsed.retrain)
    return 0 if attack_runs([each for name in names for each in _run_names(name)], request, parsed.jobs) else 1


def _run_names(name: str) -> Sequence[str]:
    """Return the folders of the recorded runs of a sweep that was started; what names no such sweep is returned as it is."""
    from rna_bench.cli.sweeping import stored_plan
    from rna_bench.core.types import InputError
    from rna_bench.runs.record import RECORD

    try:
        plan = stored_plan(name, None) if not Path(name).is_dir() else None
    except InputError:
        plan = None
    folders = [plan.results_dir / run.identity for run in plan.runs if run.identity] if plan else []
    recorded = [str(folder) for folder in folders if (folder / RECORD).is_file()]
    if recorded and len(recorded) < len(folders):
        lacking = len(folders) - len(recorded)
        LOG.warning("sweep %s: %d of its %d runs are not recorded, and are left out", name, lacking, len(folders))
    return recorded or [name]
