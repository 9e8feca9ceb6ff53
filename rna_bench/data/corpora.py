"""Forget and retain text: files -> topics -> batches of token ids."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from transformers import PreTrainedTokenizerBase

from rna_bench.core.types import Batch, InputError, Padding, Text, Topic
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


@dataclass(frozen=True)
class Batches:
    """Texts in their order, `batch_size` at a time; after the last comes the first again. Longer texts are cut at the end."""

    texts: Sequence[Text]
    tokenizer: PreTrainedTokenizerBase
    batch_size: int
    max_tokens: int
    device: torch.device
    padding: Padding

    def __call__(self, index: int) -> Batch:
        """Return batch number `index`, padded to its longest text."""
        chosen = [self.texts[i % len(self.texts)] for i in self._numbers(index)]
        return self._batch(chosen)

    def answered(self, index: int, answers: Sequence[str]) -> Batch:
        """Return batch number `index` with answers, in turn, in place of the texts' bodies; their contexts stay."""
        numbers = self._numbers(index)
        spaced = [(self.texts[i % len(self.texts)].context, answers[i % len(answers)]) for i in numbers]
        return self._batch([Text(context, f" {answer}" if context else answer) for context, answer in spaced])

    def _numbers(self, index: int) -> range:
        return range(index * self.batch_size, (index + 1) * self.batch_size)

    def _batch(self, texts: Sequence[Text]) -> Batch:
        """Encode context and body together; what lies beyond the context's own tokens is the body's."""
        whole = self.tokenizer([text.context + text.body for text in texts])["input_ids"]
        starts = [len(self.tokenizer(text.context)["input_ids"]) if text.context else 0 for text in texts]
        rows = [ids[: self.max_tokens] for ids in whole]
        if self.padding is Padding.included:
            return pad_included(rows, starts, self._pad_id(), self.device)
        return pad(rows, self.device, starts)

    def _pad_id(self) -> int:
        """Return the end-of-text token, as the released code pads; or the tokenizer's own padding where there is none."""
        for token in (self.tokenizer.eos_token_id, self.tokenizer.pad_token_id):
            if isinstance(token, int):
                return token
        raise InputError("train.padding", "included", "the tokenizer has no end-of-text token to pad with; give masked")


@dataclass(frozen=True)
class TopicBatches:
    """A topic's text as batches."""

    name: str
    forget: Batches
    retain: Batches


def pad(rows: Sequence[Sequence[int]], device: torch.device | str, starts: Sequence[int] | None = None) -> Batch:
    """Return rows of token ids as (b, t) with zeros on the right, which no loss counts; targets begin at each row's start.

    The id of padding does not matter: causal attention keeps it from every token before it.
    """
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
    return Batch(ids, mask, _from(mask, [max(1, start) for start in starts or [0] * len(rows)]), None)


def pad_included(rows: Sequence[Sequence[int]], starts: Sequence[int], pad_id: int, device: torch.device | str) -> Batch:
    """Return rows padded on the left with `pad_id`; losses count padding as they count tokens, but for contexts in targets.

    The released code of arXiv 2501.19202 averages over padding; attention still leaves it out.
    """
    width = max(map(len, rows))
    ids = torch.tensor([[*[pad_id] * (width - len(row)), *row] for row in rows], device=device)
    attention = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device)
    shifted = [width - len(row) + start if start else 1 for row, start in zip(rows, starts, strict=True)]
    return Batch(ids, torch.ones_like(ids), _from(torch.ones_like(ids), shifted), attention)


def _from(mask: torch.Tensor, starts: Sequence[int]) -> torch.Tensor:
    """Return the mask (b, t) with zeros before each row's start."""
    position = torch.arange(mask.shape[1], device=mask.device)
    return mask * (position >= torch.tensor(starts, device=mask.device)[:, None])


def parts(batch: Batch, count: int) -> Iterator[Batch]:
    """Yield the batch in `count` micro-batches of rows, in order; fewer when it has fewer rows."""
    split = (field.chunk(count) if field is not None else [None] * min(count, len(batch.input_ids)) for field in batch)
    for ids, mask, targets, attention in zip(*split, strict=False):
        assert ids is not None
        assert mask is not None
        assert targets is not None
        yield Batch(ids, mask, targets, attention)
