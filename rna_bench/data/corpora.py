"""Forget and retain text: files -> topics -> batches of token ids."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rna_bench.core.types import InputError, Text, Topic
from rna_bench.data.checks import cell, plain
from rna_bench.data.files import rows


class Corpus(Protocol):
    """Where text comes from. `missing` has a line, with its remedy, for each thing that a run would not find.

    `commits` names, for each repository of the hub that text was taken from, the commit it was found at.
    """

    def topics(self, seed: int) -> tuple[Topic, ...]: ...
    def missing(self) -> list[str]: ...
    def commits(self) -> Mapping[str, str]: ...


@dataclass(frozen=True)
class TextFiles:
    """Text files, one document a line: a forget file for each topic, and one retain file for all.

    A file that ends in .jsonl or .parquet has its documents in the column `text`. Documents are stripped and kept in file order;
    shorter ones than `min_characters` are left out.
    """

    forget: dict[str, str]
    retain: str
    min_characters: int

    def missing(self) -> list[str]:
        """Return what is not there."""
        named = {"corpus.retain": self.retain} | {f"corpus.forget.{name}": file for name, file in self.forget.items()}
        return [f"{key}={file}: is not there" for key, file in named.items() if not Path(file).expanduser().exists()]

    def commits(self) -> Mapping[str, str]:
        """Return none: the files are given."""
        return {}

    def topics(self, seed: int) -> tuple[Topic, ...]:
        """Return one topic a forget file. The seed changes nothing: the order is the files'."""
        retain = self._lines("corpus.retain", self.retain)
        if not self.forget:
            raise InputError("corpus.forget", "{}", "name at least one topic, for instance '{bio: forget.txt}'")
        return tuple(Topic(name, self._lines(f"corpus.forget.{name}", file), retain) for name, file in self.forget.items())

    def _lines(self, key: str, name: str) -> tuple[Text, ...]:
        found = documents(key, Path(name).expanduser(), "text")
        lines = tuple(Text("", line) for line in map(str.strip, found) if len(line) >= max(1, self.min_characters))
        if not lines:
            raise InputError(key, name, f"has no line of {self.min_characters} characters; lower corpus.min_characters")
        return lines


def documents(key: str, file: Path, column: str) -> Iterator[str]:
    """Yield the documents of a file: its lines, or a column of JSON lines or Parquet. Some may be blank, as WikiText's are."""
    for row in rows(key, file, (column,)):
        yield plain(key, row.place, column, cell(key, row, column))
