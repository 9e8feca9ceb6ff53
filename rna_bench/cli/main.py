"""The command line: the first word names a command, a function of `rna_bench.cli`."""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence

from rna_bench.cli.exporting import export, pocket
from rna_bench.cli.fetching import fetch
from rna_bench.cli.running import doctor, run
from rna_bench.cli.showing import choose, dashboard, figures, report, tables
from rna_bench.cli.sweeping import clean, search, status, sweep
from rna_bench.cli.verifying import verify

EPILOG = """\
rna-bench run [KEY=VALUE ...]         one run; -m and KEY=A,B for several; --help for every key; --cfg job for the configuration
rna-bench doctor [KEY=VALUE ...]      what such a run would do, need and cost, and what is missing; nothing is run or fetched
rna-bench fetch [KEY=VALUE ...]       get what such a run needs from the hub, resumable; --sweep NAME for a sweep; sizes first
rna-bench sweep NAME [KEY=VALUE ...]  the runs of sweeps/NAME.yaml, or what is left of them; launcher=joblib for several at once
rna-bench status NAME                 the status of that sweep: done, running, failed and why, diverged, pending, time left
rna-bench clean NAME                  free its disk space: trained tensors, caches and logs go, records stay
rna-bench search NAME [KEY=VALUE ...]  runs that a sampler chooses, by sweeps/search/NAME.yaml; --front shows the front so far
rna-bench tables [NAME]               tables from the records in a folder, or of a name (results/runs)
rna-bench figures [NAME]              figures of them, as PNG, SVG and PDF
rna-bench report [NAME]               one HTML page of them, and of those in subfolders (results/published)
rna-bench choose [NAME]               which of the settings tried to use for each method, by the rule of the presets
rna-bench verify [NAME ...]           whether records are as written: hashes, identities, and scores from the responses (all)
rna-bench dashboard --entity E --project P  W&B's workspace and report for a project; without a key, what they would be
rna-bench export run RUN FOLDER       a full Hugging Face checkpoint, with a model card, from a run's folder
rna-bench export lm-eval FOLDER [KEY=VALUE ...]  perturbed questions as tasks of lm-evaluation-harness
rna-bench pocket train [KEY=VALUE ...]  train the pocket model from scratch, for instance model.world=1

-v shows more messages and tracebacks, -q warnings and errors only. Results go to standard output, messages to standard error.
RNA_BENCH_TRACEBACK=1 leaves an error as Python shows it.
"""

COMMANDS = {
    "run": run,
    "doctor": doctor,
    "fetch": fetch,
    "sweep": sweep,
    "status": status,
    "clean": clean,
    "search": search,
    "tables": tables,
    "figures": figures,
    "report": report,
    "choose": choose,
    "verify": verify,
    "dashboard": dashboard,
    "export": export,
    "pocket": pocket,
}
LEVELS = {"-v": "DEBUG", "--verbose": "DEBUG", "-q": "WARNING", "--quiet": "WARNING"}


def main() -> None:
    """Run the command that the arguments name; an error is one line, and the exit code is not 0 then."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `rna-bench ... | head` ends quietly
    words = [word for word in sys.argv[1:] if word not in LEVELS]
    levels = [LEVELS[word] for word in sys.argv[1:] if word in LEVELS]
    if words[:1] in ([], ["-h"], ["--help"]):
        _parser().print_help()
        sys.exit(0 if words else 2)
    sys.exit(_run_command(words[0], words[1:], levels[-1] if levels else None))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rna-bench",
        description="Does an unlearned language model break on a forgotten word, and does random noise augmentation help?",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    parser.add_argument("command", choices=[*COMMANDS])
    return parser


def _run_command(name: str, arguments: Sequence[str], level: str | None) -> int:
    """Run a command with messages from a level on, and return the exit code."""
    from rna_bench.core import log

    log.set_up(level)
    if name not in COMMANDS:
        log.LOGGER.error("command=%s: there is no such command; choose one of %s", name, ", ".join(COMMANDS))
        return 2
    return _guarded(COMMANDS[name], arguments)


def _guarded(command: Callable[[Sequence[str]], int | None], arguments: Sequence[str]) -> int:
    """Run the command and return its exit code; turn an error into one line."""
    from rna_bench.core.log import LOGGER
    from rna_bench.core.types import InputError

    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray sends no usage statistics
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")  # and prints the lines of all runs, even if they are alike
    if os.environ.get("RNA_BENCH_TRACEBACK"):
        return command(arguments) or 0
    try:
        return command(arguments) or 0
    except InputError as error:
        LOGGER.debug("%s", traceback.format_exc().rstrip())
        LOGGER.error("%s", error)
        return 1
    except KeyboardInterrupt:
        LOGGER.warning("interrupted")
        return 130
    except Exception as error:  # the last resort: one line that says how to see more
        from rna_bench.experiment.compose import one_line

        LOGGER.debug("%s", traceback.format_exc().rstrip())
        LOGGER.error("%s", one_line(error))
        return 1
