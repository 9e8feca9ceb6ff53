"""Retain text that no run trains on, for its perplexity: from a file, or from the Hugging Face hub."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from rna_bench.core.types import InputError
from rna_bench.data.corpora import documents
from rna_bench.data.hub_corpus import HEADING, TextSource


class HeldOut(Protocol):
    """A source of texts. `missing` returns a line, with its remedy, for each thing that a run needs and would not find."""

    def texts(self, seed: int) -> Sequence[str]: ...
    def missing(self) -> list[str]: ...


@dataclass(frozen=True)
class HeldOutFile:
    """A text file, one document a line (.jsonl and .parquet: in the column text); `limit` keeps the first, 0 all.

    Documents are stripped; those shorter than `min_characters` are left out. It is for the user to keep it out of corpus.retain.
    """

    path: str
    min_characters: int
    limit: int

    def missing(self) -> list[str]:
        """Return a line if there is no such file."""
        return [] if Path(self.path).expanduser().is_file() else [f"heldout.path={self.path}: does not exist"]

    def texts(self, seed: int) -> Sequence[str]:
        """Return the first documents; the seed has no effect."""
        stripped = map(str.strip, documents("heldout.path", Path(self.path).expanduser(), "text"))
        return _first("heldout.path", self.path, stripped, self.min_characters, self.limit)


@dataclass(frozen=True)
class HeldOutSource:
    """Texts of a dataset on the hub, or of a copy, which `source` names with the split; `limit` keeps the first, 0 all.

    WikiText's headings are left out, and texts shorter than `min_characters`.
    """

    source: TextSource
    min_characters: int
    limit: int

    def missing(self) -> list[str]:
        """Return a line if the text is not available locally."""
        return self.source.missing("heldout.source")

    def texts(self, seed: int) -> Sequence[str]:
        """Return the first texts; the seed has no effect."""
        kept = (text for text in self.source.texts("heldout.source") if not HEADING.fullmatch(text))
        return _first("heldout.source", self.source.path or self.source.repo, kept, self.min_characters, self.limit)


def _first(key: str, place: str, texts: Iterator[str], least: int, limit: int) -> Sequence[str]:
    if limit < 0 or least < 0:
        raise InputError("heldout.limit", limit, "give 0 or more, and heldout.min_characters too")
    kept = tuple(islice((text for text in texts if len(text) >= max(1, least)), limit or None))
    if not kept:
        raise InputError(key, place, f"has no text of {least} characters; lower heldout.min_characters")
    return kept
