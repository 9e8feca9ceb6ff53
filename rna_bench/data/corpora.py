"""Forget and retain texts, by topic, from files."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rna_bench.core.types import InputError, Text, Topic
from rna_bench.data.checks import cell, valid_text
from rna_bench.data.files import rows


class Corpus(Protocol):
    """A source of forget and retain texts.

    `missing` returns a line, with its remedy, for each thing that a run needs and would not find. `commits` maps each hub
    repository that texts are read from to the commit in use.
    """

    def topics(self, seed: int) -> tuple[Topic, ...]: ...
    def missing(self) -> list[str]: ...
    def commits(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class TextFiles:
    """Text files, one document per line: a forget file for each topic, and one retain file for all topics.

    Files that end in .jsonl or .parquet have their documents in the column `text`. Documents are stripped and stay in file order;
    those shorter than `min_characters` are left out.
    """

    forget: dict[str, str]
    retain: str
    min_characters: int

    def missing(self) -> list[str]:
        """Return a line for each file that does not exist."""
        named = {"corpus.retain": self.retain} | {f"corpus.forget.{name}": file for name, file in self.forget.items()}
        return [f"{key}={file}: does not exist" for key, file in named.items() if not Path(file).expanduser().exists()]

    def commits(self) -> Mapping[str, str]:
        """Return no commits: the files are local."""
        return {}

    def topics(self, seed: int) -> tuple[Topic, ...]:
        """Return a topic for each forget file; the seed has no effect."""
        retain = self._lines("corpus.retain", self.retain)
        if not self.forget:
            raise InputError("corpus.forget", "{}", "give at least one topic, for instance '{bio: forget.txt}'")
        return tuple(Topic(name, self._lines(f"corpus.forget.{name}", file), retain) for name, file in self.forget.items())

    def _lines(self, key: str, name: str) -> tuple[Text, ...]:
        stripped = map(str.strip, documents(key, Path(name).expanduser(), "text"))
        lines = tuple(Text("", line) for line in stripped if len(line) >= max(1, self.min_characters))
        if not lines:
            raise InputError(key, name, f"has no line of {self.min_characters} characters; lower corpus.min_characters")
        return lines


def documents(key: str, file: Path, column: str) -> Iterator[str]:
    """Yield the documents of a file: its lines, or a column of JSON lines or Parquet. Some may be blank, as in WikiText."""
    for row in rows(key, file, (column,)):
        yield valid_text(key, row.place, column, cell(key, row, column))


def raw_lines(key: str, file: Path, column: str) -> Iterator[str]:
    """Yield the lines of a file as they are, each with its line feed: JSON is not parsed.

    Parquet has no lines: each document becomes the JSON line that Python's json module writes of its column.
    """
    if file.suffix.lower() == ".parquet":
        yield from (json.dumps({column: document}) + "\n" for document in documents(key, file, column))
        return
    for row in rows(key, file, (column,), plain=True):
        yield valid_text(key, row.place, column, cell(key, row, column)) + "\n"
