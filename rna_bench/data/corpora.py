"""Forget and retain text: files -> topics -> batches of token ids."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from transformers import PreTrainedTokenizerBase

from rna_bench.schema import Batch, InputError, Topic


class Corpus(Protocol):
    """Where text comes from."""

    def topics(self, seed: int) -> tuple[Topic, ...]: ...


@dataclass(frozen=True)
class TextFiles:
    """Plain text files, one document a line: a forget file for each topic, and one retain file for all.

    Lines are kept in file order, as the released code keeps them; shorter ones than `min_characters` are left out.
    """

    forget: dict[str, str]
    retain: str
    min_characters: int

    def topics(self, seed: int) -> tuple[Topic, ...]:
        """Return one topic a forget file. The seed changes nothing: the order is the files'."""
        retain = self._lines("corpus.retain", self.retain)
        if not self.forget:
            raise InputError("corpus.forget", "{}", "name at least one topic, for instance '{bio: forget.txt}'")
        return tuple(Topic(name, self._lines(f"corpus.forget.{name}", file), retain) for name, file in self.forget.items())

    def _lines(self, key: str, name: str) -> tuple[str, ...]:
        path = Path(name).expanduser()
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(key, name, f"cannot be read ({error}); give a UTF-8 text file, one document a line") from error
        lines = tuple(line for line in map(str.strip, text.split("\n")) if len(line) >= max(1, self.min_characters))
        if not lines:
            raise InputError(key, name, f"has no line of {self.min_characters} characters; lower corpus.min_characters")
        return lines


@dataclass(frozen=True)
class Batches:
    """Texts in their order, `batch_size` at a time; after the last comes the first again."""

    texts: Sequence[str]
    tokenizer: PreTrainedTokenizerBase
    batch_size: int
    max_tokens: int
    device: torch.device

    def __call__(self, index: int) -> Batch:
        """Return batch number `index`, padded on the right to its longest text."""
        start = index * self.batch_size
        chosen = [self.texts[i % len(self.texts)] for i in range(start, start + self.batch_size)]
        return pad([ids[: self.max_tokens] for ids in self.tokenizer(chosen)["input_ids"]], self.device)


@dataclass(frozen=True)
class TopicBatches:
    """A topic's text as batches."""

    name: str
    forget: Batches
    retain: Batches


def pad(rows: Sequence[Sequence[int]], device: torch.device | str) -> Batch:
    """Return rows of token ids as (b, t) with zeros on the right, and the mask that tells them from padding.

    The id of padding does not matter: causal attention keeps it from every token before it, and losses leave it out.
    """
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
    return Batch(ids, mask)


def fingerprint(topics: Sequence[Topic]) -> str:
    """Return sixteen hexadecimal digits over every text of every topic."""
    digest = hashlib.sha256()
    for topic in topics:
        sizes = f"{topic.name}\0{len(topic.forget)}\0{len(topic.retain)}"
        for text in (sizes, *topic.forget, *topic.retain):
            digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:16]
