"""The command line: one command a word, each in `rna_bench.cli`."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence

from rna_bench.cli.exporting import export, pocket
from rna_bench.cli.running import doctor, run
from rna_bench.cli.showing import dashboard, figures, report, tables
from rna_bench.cli.sweeping import clean, search, status, sweep

EPILOG = """\
rna-bench run [KEY=VALUE ...]         one run; -m and KEY=A,B for several; --help for every key; --cfg job for what is composed
rna-bench doctor [KEY=VALUE ...]      what such a run would do, what it lacks and what it would take; nothing is run or fetched
rna-bench sweep NAME [KEY=VALUE ...]  the runs of sweeps/NAME.yaml, or what is left of them; launcher=joblib for several at once
rna-bench status NAME                 how that sweep stands: done, running, failed and why, diverged, pending, time left
rna-bench clean NAME                  free its disk: trained tensors, caches and logs; records stay
rna-bench search NAME [KEY=VALUE ...]  runs that a sampler chooses, by sweeps/search/NAME.yaml; --front shows how far it is
rna-bench tables [NAME]               tables from the records in a folder, or of a name (results/runs)
rna-bench figures [NAME]              figures of them, as PNG, SVG and PDF
rna-bench report [NAME]               one HTML page of them, and of those in folders below (results/published)
rna-bench dashboard --entity E --project P  W&B's workspace and report for a project; without a key, what they would be
rna-bench export run RUN FOLDER       a full Hugging Face checkpoint, with a model card, of a run's folder
rna-bench export lm-eval FOLDER [KEY=VALUE ...]  perturbed questions as tasks of lm-evaluation-harness
rna-bench pocket train [KEY=VALUE ...]  build the pocket model from nothing, for instance model.world=1

RNA_BENCH_TRACEBACK=1 shows the traceback of an error.
"""

COMMANDS = {
    "run": run,
    "doctor": doctor,
    "sweep": sweep,
    "status": status,
    "clean": clean,
    "search": search,
    "tables": tables,
    "figures": figures,
    "report": report,
    "dashboard": dashboard,
    "export": export,
    "pocket": pocket,
}


def main() -> None:
    """Run the command that the arguments name; errors are one line, and the exit code is not 0."""
    parser = argparse.ArgumentParser(
        prog="rna-bench",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `rna-bench ... | head` ends quietly
    parser.add_argument("command", choices=[*COMMANDS])
    first, rest = sys.argv[1:2], sys.argv[2:]
    if first in ([], ["-h"], ["--help"]):
        parser.print_help()
        sys.exit(0 if first else 2)
    if first[0] not in COMMANDS:
        print(f"error: command={first[0]}: there is no such command; choose one of {', '.join(COMMANDS)}", file=sys.stderr)
        sys.exit(2)
    sys.exit(_guarded(COMMANDS[first[0]], rest))


def _guarded(command: Callable[[Sequence[str]], int | None], arguments: Sequence[str]) -> int:
    """Run the command; turn an error into one line, and return the exit code, which a command may have of its own."""
    from rna_bench.core.types import InputError

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports nothing of its use
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")  # nor leaves out what one run says because another said the like
    if os.environ.get("RNA_BENCH_TRACEBACK"):
        return command(arguments) or 0
    try:
        return command(arguments) or 0
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except Exception as error:  # the last resort: one line, and how to see more
        from rna_bench.experiment.compose import one_line

        print(f"error: {one_line(error)}", file=sys.stderr)
        return 1
