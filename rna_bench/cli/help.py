"""The help that lists commands, as wide as the terminal."""

from collections.abc import Iterable

from rna_bench.cli.commands import COMMANDS, GROUPS, following
from rna_bench.core.terminal import wrapped

ABOUT = "Does an unlearned language model break on a forgotten word, and does random noise augmentation help?"
NOTES = (
    "`rna-bench COMMAND --help` says how a command is called. -v shows more messages and tracebacks, -q warnings and errors only, "
    "--version the version. Results go to standard output, messages to standard error. RNA_BENCH_TRACEBACK=1 leaves an error as "
    "Python shows it."
)


def command_list() -> str:
    """Return the help of `rna-bench`: all commands in groups, each with one line."""
    groups = [f"{heading}:\n{_rows(names)}" for heading, names in GROUPS.items()]
    return "\n\n".join(["usage: rna-bench COMMAND ...", wrapped(ABOUT), *groups, wrapped(NOTES)])


def sub_command_list(first: str) -> str:
    """Return the help of commands whose names begin with a word."""
    names = [f"{first} {second}" for second in following(first)]
    return "\n\n".join(
        [f"usage: rna-bench {first} COMMAND ...", _rows(names), f"`rna-bench {names[0]} --help` says how it is called."]
    )


def _rows(names: Iterable[str]) -> str:
    width = 2 + max(map(len, COMMANDS))
    return "\n".join(wrapped(f"{name:<{width}}{COMMANDS[name].help}", "  ", " " * (2 + width)) for name in names)
