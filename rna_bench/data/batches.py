"""Turns texts into batches of token ids, padded and masked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from rna_bench.core.types import Batch, InputError, Padding, Text


@dataclass(frozen=True)
class Batches:
    """Texts in order, `batch_size` at a time, starting over after the last. Texts are cut after `max_tokens` tokens."""

    texts: Sequence[Text]
    tokenizer: PreTrainedTokenizerBase
    batch_size: int
    max_tokens: int
    device: torch.device
    padding: Padding

    def __call__(self, index: int) -> Batch:
        """Return batch number `index`, padded to its longest text."""
        return self._batch([self.texts[i % len(self.texts)] for i in self._numbers(index)])

    def with_answers(self, index: int, answers: Sequence[str], *, anew: bool = False) -> Batch:
        """Return batch number `index` with the texts' bodies replaced by the answers, in turn; their contexts stay.

        With `anew` each batch begins with the first answer.
        """
        numbers, first = self._numbers(index), index * self.batch_size if anew else 0
        spaced = [(self.texts[i % len(self.texts)].context, answers[(i - first) % len(answers)]) for i in numbers]
        return self._batch([Text(context, f" {answer}" if context else answer) for context, answer in spaced])

    def _numbers(self, index: int) -> range:
        return range(index * self.batch_size, (index + 1) * self.batch_size)

    def _batch(self, texts: Sequence[Text]) -> Batch:
        """Encode context and body together; tokens beyond those of the context alone belong to the body."""
        whole = self.tokenizer([text.context + text.body for text in texts])["input_ids"]
        starts = [len(self.tokenizer(text.context)["input_ids"]) if text.context else 0 for text in texts]
        rows = [ids[: self.max_tokens] for ids in whole]
        if self.padding is Padding.included:
            return pad_included(rows, starts, self._pad_id(), self.device)
        return pad(rows, self.device, starts)

    def _pad_id(self) -> int:
        """Return the end-of-text token, which the released code pads with, or else the tokenizer's padding token."""
        for token in (self.tokenizer.eos_token_id, self.tokenizer.pad_token_id):
            if isinstance(token, int):
                return token
        raise InputError("train.padding", "included", "the tokenizer has no end-of-text token to pad with; give masked")


@dataclass(frozen=True)
class TopicBatches:
    """A topic's texts as batches."""

    name: str
    forget: Batches
    retain: Batches


def pad(rows: Sequence[Sequence[int]], device: torch.device | str, starts: Sequence[int] | None = None) -> Batch:
    """Return rows of token ids as (b, t), padded with zeros on the right, which losses exclude; labels begin at each row's start.

    The padding id does not matter: causal attention hides it from the tokens before it.
    """
    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=device)
    return Batch(ids, mask, _from(mask, [max(1, start) for start in starts or [0] * len(rows)]), None)


def pad_included(rows: Sequence[Sequence[int]], starts: Sequence[int], pad_id: int, device: torch.device | str) -> Batch:
    """Return rows padded on the left with `pad_id`; losses include padding like tokens, but labels exclude contexts.

    The released code of arXiv 2501.19202 averages over padding in the same way. Attention masks it there, too, except in the
    reference model of preference methods: see `ReferenceAttention`.
    """
    width = max(map(len, rows))
    ids = torch.tensor([[*[pad_id] * (width - len(row)), *row] for row in rows], device=device)
    attention = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device)
    shifted = [width - len(row) + start if start else 1 for row, start in zip(rows, starts, strict=True)]
    return Batch(ids, torch.ones_like(ids), _from(torch.ones_like(ids), shifted), attention)


def _from(mask: torch.Tensor, starts: Sequence[int]) -> torch.Tensor:
    """Return the mask (b, t), set to zero before each row's start."""
    position = torch.arange(mask.shape[1], device=mask.device)
    return mask * (position >= torch.tensor(starts, device=mask.device)[:, None])


def micro_batches(batch: Batch, count: int) -> Iterator[Batch]:
    """Yield `count` micro-batches of the batch's rows, in order; fewer if it has fewer rows."""
    split = (field.chunk(count) if field is not None else [None] * min(count, len(batch.input_ids)) for field in batch)
    for ids, mask, label_mask, attention in zip(*split, strict=False):
        assert ids is not None
        assert mask is not None
        assert label_mask is not None
        yield Batch(ids, mask, label_mask, attention)
