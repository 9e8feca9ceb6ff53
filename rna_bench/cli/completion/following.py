"""What may follow a command line that is being typed: commands, flags, names, groups, options and keys. Nothing is composed."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from rna_bench.cli.commands import COMMANDS, Command, first_words, following

NO_KEYS = {"defaults", "hydra", "_target_"}
"""What YAML files have that is not for a command line."""
FLAGS = ["--help", "--version", "-v", "-q"]


def following_words(line: str) -> list[str]:
    """Return what the last word of a command line may become; that word is "" where the line ends with a space."""
    words = line.split()
    current = words.pop() if words and not line[-1].isspace() else ""
    return [word for word in _candidates(words[1:], current) if word.startswith(current)]


def _candidates(words: Sequence[str], current: str) -> list[str]:
    plain = [word for word in words if word not in ("-v", "-q", "--verbose", "--quiet")]
    if not plain:
        return [*first_words(), *FLAGS]
    for length in (1, 2):
        command = COMMANDS.get(" ".join(plain[:length]))
        if command:
            return _arguments(command, plain[length:], current)
    return following(plain[0]) if len(plain) == 1 else []


def _arguments(command: Command, words: Sequence[str], current: str) -> list[str]:
    usage = " ".join(command.parser().format_usage().split())
    before = words[-1] if words else ""
    values = re.search(rf"{re.escape(before)} (\{{.*?\}}|[A-Z_]+)\]", usage) if before.startswith("-") else None
    if values:  # a flag that has a value: one of those, or a file, which the shell knows
        return values[1].strip("{}").split(",") if values[1].startswith("{") else []
    if current.startswith("-"):
        return ["--help", *re.findall(r"(?<=[\[ ])--?[\w-]+", usage)]
    positional = [word for word in words if not word.startswith("-")]
    if command.names and not positional and "=" not in current:
        return command.names()
    return _overrides(words, current) if "KEY=VALUE" in usage else command.names() if command.names and "..." in usage else []


def _overrides(words: Sequence[str], current: str) -> list[str]:
    """Return GROUP=OPTION, also of the last of several options, and KEY=; a section is SECTION. until its dot is typed."""
    from rna_bench.core.conf_files import conf_folders, config_folder, groups, options

    own = next((Path(after) for word, after in pairwise(words) if word in ("--config-dir", "-cd")), None)
    folders = conf_folders(own)
    key, equals, value = current.partition("=")
    if equals:
        head = current[: len(current) - len(re.split(r"[\[,]", value)[-1])]
        return [f"{head}{option}" for option in options(key, folders)]
    plus = key[: len(key) - len(key.lstrip("+"))]
    keys = _keys(key.lstrip("+"), [config_folder("conf") / "run.yaml"], folders)
    chosen = [f"{group}=" for group in groups(folders)]
    return [f"{plus}{word}" for word in dict.fromkeys([*chosen, *keys])]


def _keys(typed: str, spines: Sequence[Path], folders: Sequence[Path]) -> list[str]:
    from rna_bench.experiment.known_keys import known_keys

    known, section = known_keys(spines, folders), typed.rpartition(".")[0]
    for part in section.split(".") if section else ():
        if part not in known.names:
            return []
        known = known.names[part]
    prefix = f"{section}." if section else ""
    names = {name: inner for name, inner in known.names.items() if name not in NO_KEYS}
    return [f"{prefix}{name}{'.' if inner.names.keys() - NO_KEYS else '='}" for name, inner in names.items()]
