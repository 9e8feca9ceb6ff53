"""The command line: the first words name a command of `commands.py`."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence

from rna_bench.cli.commands import COMMANDS, first_words, following
from rna_bench.cli.help import command_list, sub_command_list

LEVELS = {"-v": "DEBUG", "--verbose": "DEBUG", "-q": "WARNING", "--quiet": "WARNING"}
HELP = ("-h", "--help")


def main() -> None:
    """Run the command that the arguments name; an error is one line, and the exit code is not 0 then."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `rna-bench ... | head` ends quietly
    words = [word for word in sys.argv[1:] if word not in LEVELS]
    levels = [LEVELS[word] for word in sys.argv[1:] if word in LEVELS]
    if not words or words[0] in HELP:
        print(command_list())
        sys.exit(0 if words else 2)
    if words[0] == "--version":
        from rna_bench import __version__

        print(f"rna-bench {__version__}")
        sys.exit(0)
    sys.exit(_run_command(words, levels[-1] if levels else None))


def _run_command(words: Sequence[str], level: str | None) -> int:
    """Run a command with messages from a level on, and return the exit code."""
    from rna_bench.core import log

    log.set_up(level)
    for length in (1, 2):  # of the command's name
        command = COMMANDS.get(" ".join(words[:length]))
        if command and any(word in HELP for word in words[length:]):
            print(command.parser().format_help() + (f"\n{command.more(words[length:])}" if command.more else ""))
            return 0
        if command:
            return _guarded(command.function, words[length:])
    if following(words[0]) and any(word in HELP for word in words[1:2]):
        print(sub_command_list(words[0]))
        return 0
    log.LOGGER.error("%s", _unknown(words))
    return 2


def _unknown(words: Sequence[str]) -> str:
    """Return the line that says of a command which part of its name there is not, and what may be meant."""
    from rna_bench.core.spelling import choose_one

    first, second = words[0], " ".join(words[1:2])
    if not following(first):
        return f"command={first}: there is no such command; {choose_one(first, first_words())}"
    usages = [COMMANDS[f"{first} {name}"].parser().format_usage().replace("[-h] ", "") for name in following(first)]
    said = " or ".join(f"`{' '.join(usage.split()[1:])}`" for usage in usages)
    return f"{first}={second}: there is no such command; say {said}"


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
