"""A model's replies to prompts, to look at: the probabilities of the four choices, and what it says next."""

import math
from collections.abc import Mapping
from typing import TypeAlias

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rna_bench.core.types import Response
from rna_bench.evaluation.continuation import continuations
from rna_bench.evaluation.requests import EvalSet
from rna_bench.evaluation.scoring import evaluate, sharing_problem
from rna_bench.runs.examples import Reply

PromptKey: TypeAlias = tuple[str, str, str]
"""A prompt's task, question and perturbation."""


def replies(
    eval_set: EvalSet, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, tokens: int, batch_tokens: int
) -> Mapping[PromptKey, Reply]:
    """Return the model's reply to each prompt, with a greedy continuation of at most `tokens` tokens."""
    responses = evaluate(eval_set, model, batch_tokens, sharing=not sharing_problem(model))
    continued = continuations(model, tokenizer, [request.ids for request in eval_set.requests], tokens)
    texts = tokenizer.batch_decode(continued, skip_special_tokens=True)
    return {
        (response.task, response.question, response.perturbation): reply(response, text)
        for response, text in zip(responses, texts, strict=True)
    }


def reply(response: Response, continuation: str) -> Reply:
    """Return a response's log-likelihoods as probabilities among the four choices, and what the four have among all tokens."""
    if not all(map(math.isfinite, response.logps)):
        return Reply(None, None, continuation)
    most = max(response.logps)
    a, b, c, d = (math.exp(logp - most) for logp in response.logps)
    total = a + b + c + d
    return Reply((a / total, b / total, c / total, d / total), min(1.0, math.exp(most) * total), continuation)
