"""A model's perplexity on texts."""

import math
from collections.abc import Iterator, Sequence

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rna_bench.core.measures import Perplexity
from rna_bench.core.types import finite
from rna_bench.data.batches import pad
from rna_bench.models.trees import evaluation_mode

MAX_TOKENS = 512
"""Tokens of a text, at most: the beginning is kept."""
BATCH_TOKENS = 2048
"""Tokens of a batch with padding, at most; the logits of all of them are in memory at once."""


def perplexity(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], fingerprint: str, context: int
) -> Perplexity:
    """Return exp of the mean negative log-likelihood of the texts' tokens, in fp32, each text's first token left out."""
    rows = [ids[: min(MAX_TOKENS, context)] for ids in tokenizer(list(texts))["input_ids"]]
    total, tokens = 0.0, 0
    with evaluation_mode(model):
        for batch in _batches(sorted((row for row in rows if len(row) > 1), key=len)):
            nll = _nll(model, batch)
            total, tokens = total + float(nll.sum(dtype=torch.float64)), tokens + len(nll)
    return Perplexity(_exp(total / tokens) if tokens else None, tokens, fingerprint)


def _nll(model: PreTrainedModel, rows: Sequence[Sequence[int]]) -> torch.Tensor:
    """Return the negative log-likelihood (n) of each token of the rows but their first ones."""
    batch = pad(rows, model.device)
    logits = model(input_ids=batch.input_ids, use_cache=False).logits[:, :-1].float()
    scored = batch.label_mask[:, 1:].bool()
    return torch.nn.functional.cross_entropy(logits[scored], batch.input_ids[:, 1:][scored].to(logits.device), reduction="none")


def _batches(rows: Sequence[Sequence[int]]) -> Iterator[list[Sequence[int]]]:
    """Yield rows in batches of at most `BATCH_TOKENS` tokens, padding included; the rows come shortest first."""
    batch: list[Sequence[int]] = []
    for row in rows:
        if batch and (len(batch) + 1) * len(row) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _exp(value: float) -> float | None:
    try:
        return finite(math.exp(value))
    except OverflowError:
        return None
