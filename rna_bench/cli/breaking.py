"""The command that shows unlearned models break: single questions, with the replies of several models."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rna_bench.core.types import TriggerType


def show(arguments: Sequence[str]) -> None:
    """Print questions clean and with a trigger, and the replies of the base model and of runs."""
    from rna_bench.experiment.show import Wanted, make_examples, storable
    from rna_bench.reporting.example_text import examples_text
    from rna_bench.runs.collection import Recorded
    from rna_bench.runs.examples import save_examples
    from rna_bench.runs.lookup import find_run
    from rna_bench.runs.record import RECORD, read

    parsed = show_parser().parse_args(arguments)
    folders = dict.fromkeys(find_run(name) for name in parsed.runs)
    runs = [Recorded(read(folder / RECORD, folder.resolve().name), folder) for folder in folders]
    trigger_type = TriggerType(parsed.trigger_type) if parsed.trigger_type else None
    wanted = Wanted(parsed.questions, trigger_type, parsed.tokens, _folder(parsed.deltas), parsed.retrain)
    examples = make_examples(runs, wanted)
    print(examples_text(examples, colours=sys.stdout.isatty() and not os.environ.get("NO_COLOR")))
    if parsed.save:
        save_examples(parsed.save, storable(examples, runs))


def show_parser() -> argparse.ArgumentParser:
    """Return the parser of `rna-bench show`."""
    parser = argparse.ArgumentParser(
        prog="rna-bench show",
        description="Show how a trigger breaks unlearned models: questions clean and with a trigger, and for each the "
        "probabilities of the four choices and a greedy continuation, by the base model and by the runs named, below each other. "
        "Questions that flip for the first run come first.",
        epilog="For instance: rna-bench show 8107d45f 170c3ce3 --retrain",
    )
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="a run's folder, its identity, or the beginning of it; the base comes along"
    )
    parser.add_argument("--questions", type=_above_zero, default=3, metavar="N", help="how many questions (3)")
    parser.add_argument(
        "--trigger-type",
        choices=[one.value for one in TriggerType],
        metavar="TYPE",
        help=f"{', '.join(one.value for one in TriggerType)} (the one under which the first run flips most)",
    )
    parser.add_argument("--tokens", type=_above_zero, default=12, metavar="N", help="how long continuations are, in tokens (12)")
    parser.add_argument(
        "--deltas", type=Path, metavar="FOLDER", help="where trained tensors are that do not lie beside the records"
    )
    parser.add_argument("--retrain", action="store_true", help="train a run again whose trained tensors are nowhere (pocket: 15 s)")
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="a JSON file to write them to; of real questions without any text"
    )
    return parser


def _above_zero(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number above 0")
    return int(text)


def _folder(path: Path | None) -> Path | None:
    from rna_bench.core.types import InputError

    if path and not path.is_dir():
        raise InputError("--deltas", path, "is no folder; give the folder of a sweep, for instance results/runs/pocket")
    return path
