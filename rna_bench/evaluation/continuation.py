"""Greedy continuations of prompts by transformers' own `generate`."""

from collections.abc import Iterator, Sequence

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from rna_bench.models.trees import evaluation_mode


def continuations(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    tokens: int,
    batch: int = 32,
) -> list[list[int]]:
    """Return the greedy continuation of each prompt, at most `tokens` tokens, without the end-of-text token it may stop at.

    What the model's own generation settings say (sampling, penalties) has no effect. Prompts are padded on the left.
    """
    ends = _ends(model, tokenizer)
    filler = _filler(tokenizer, ends)
    settings = GenerationConfig(
        max_new_tokens=tokens,
        do_sample=False,
        num_beams=1,
        temperature=1.0,
        top_p=1.0,
        top_k=50,
        repetition_penalty=1.0,
        no_repeat_ngram_size=0,
        pad_token_id=filler,
        eos_token_id=ends or None,
    )
    continued: list[list[int]] = []
    with evaluation_mode(model):
        for start in range(0, len(prompts), batch):
            ids, attention = _padded(prompts[start : start + batch], filler, model.device)
            # pyright takes `generate` for a submodule
            # transformers gives `generate` as a Tensor or a module where torch's types are followed
            rows = model.generate(input_ids=ids, attention_mask=attention, generation_config=settings)  # pyright: ignore[reportCallIssue]
            continued += [list(_before_end(row[ids.shape[1] :].tolist(), ends)) for row in rows]
    return continued


def _padded(prompts: Sequence[Sequence[int]], filler: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token ids (b, t) with the filler on the left, and the attention mask (b, t)."""
    width = max(map(len, prompts))
    ids = [[filler] * (width - len(row)) + list(row) for row in prompts]
    mask = [[0] * (width - len(row)) + [1] * len(row) for row in prompts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


def _before_end(ids: Sequence[int], ends: Sequence[int]) -> Iterator[int]:
    for token in ids:
        if token in ends:
            return
        yield token


def _ends(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the ids of the tokens that end a text: those of the model's generation settings, or else the tokenizer's."""
    given = model.generation_config.eos_token_id if model.generation_config else None
    several = given if isinstance(given, list) else [tokenizer.eos_token_id if given is None else given]
    return [one for one in several if isinstance(one, int)]


def _filler(tokenizer: PreTrainedTokenizerBase, ends: Sequence[int]) -> int:
    """Return the id of the token that pads prompts; it is masked, so that any will do."""
    own = tokenizer.pad_token_id
    return own if isinstance(own, int) else next(iter(ends), 0)
