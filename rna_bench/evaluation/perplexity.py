"""A model's perplexity on texts."""

import math
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rna_bench.core.measures import Perplexity
from rna_bench.core.types import finite
from rna_bench.data.batches import pad
from rna_bench.models.trees import evaluation_mode

MAX_TOKENS = 512
"""Tokens of a text, at most: the beginning is kept."""
Scored: TypeAlias = tuple[Sequence[int], int]
"""A row of token ids, and where the tokens begin that are scored."""
BATCH_TOKENS = 2048
"""Tokens of a batch with padding, at most; the logits of all of them are in memory at once."""


def perplexity(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], fingerprint: str, context: int
) -> Perplexity:
    """Return exp of the mean negative log-likelihood of the texts' tokens, in fp32, each text's first token left out."""
    rows = [ids[: min(MAX_TOKENS, context)] for ids in tokenizer(list(texts))["input_ids"]]
    mean, tokens = mean_nll(model, rows, [1] * len(rows))
    return Perplexity(to_perplexity(mean, tokens), tokens, fingerprint)


def mean_nll(model: PreTrainedModel, rows: Sequence[Sequence[int]], starts: Sequence[int]) -> tuple[float, int]:
    """Return the mean negative log-likelihood of the tokens of the rows from their starts on, and how many they are."""
    total, tokens = 0.0, 0
    pairs = sorted(
        ((row, start) for row, start in zip(rows, starts, strict=True) if len(row) > start), key=lambda pair: len(pair[0])
    )
    with evaluation_mode(model):
        for batch in _batches(pairs):
            nll = _nll(model, batch)
            total, tokens = total + float(nll.sum(dtype=torch.float64)), tokens + len(nll)
    return total / max(1, tokens), tokens


def _nll(model: PreTrainedModel, pairs: Sequence[Scored]) -> torch.Tensor:
    """Return the negative log-likelihood (n) of each token of the rows from their starts on."""
    batch = pad([row for row, _ in pairs], model.device, [start for _, start in pairs])
    logits = model(input_ids=batch.input_ids, use_cache=False).logits[:, :-1].float()
    scored = batch.label_mask[:, 1:].bool()
    return torch.nn.functional.cross_entropy(logits[scored], batch.input_ids[:, 1:][scored].to(logits.device), reduction="none")


def _batches(pairs: Sequence[Scored]) -> Iterator[list[Scored]]:
    """Yield rows in batches of at most `BATCH_TOKENS` tokens, padding included; the rows come shortest first."""
    batch: list[Scored] = []
    for pair in pairs:
        if batch and (len(batch) + 1) * len(pair[0]) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(pair)
    if batch:
        yield batch


def to_perplexity(mean: float, tokens: int) -> float | None:
    """Return exp of a mean over so many tokens; None of no token, and where it is not finite."""
    try:
        return finite(math.exp(mean)) if tokens else None
    except OverflowError:
        return None
