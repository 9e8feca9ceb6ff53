"""The commands that the READMEs give: those of code blocks line by line, and those between backticks."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "conf/README.md", "sweeps/README.md", "results/README.md", "rna_bench/README.md", "tests/README.md")
PROGRAMS = ("rna-bench", "make", "pytest", "pip", "python", "lm_eval", "trackio", "export", "open", "source", "wandb")
SETTING = re.compile(r"[A-Z_]+=\S+$")


class Command(NamedTuple):
    """A command of a README, without its comment and without variables set before it."""

    readme: str
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.words)


def commands(readme: str) -> list[Command]:
    """Return the README's commands in order, each once."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    inline = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    found = [words for line in (*lines, *inline) for words in _parts(line)]
    return [Command(readme, words) for words in dict.fromkeys(found)]


def _parts(line: str) -> list[tuple[str, ...]]:
    """Return the commands of a line that are joined by &&; none where it is no command."""
    parts = []
    for part in re.sub(r"\s#.*", "", line.replace("\n", " ")).split("&&"):
        try:
            words = shlex.split(part)
        except ValueError:
            continue
        while words and SETTING.match(words[0]):
            words = words[1:]
        if len(words) > 1 and words[0] in PROGRAMS:
            parts.append(tuple(words))
    return parts
