"""What a model writes after the beginning of a harmless text: clean, with a control word in it, and with a forget-token."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rna_bench.core import seeds
from rna_bench.core.measures import Generation
from rna_bench.core.perturbed import TriggerPool
from rna_bench.core.types import CLEAN, InputError
from rna_bench.evaluation.continuation import continuations
from rna_bench.evaluation.perplexity import mean_nll, to_perplexity

TRIGGER, CONTROL = "trigger", "control"
NGRAM = 4
"""Tokens of a repeated sequence, as in seq-rep-4 of Welleck et al. 2020 (arXiv 1908.04319, section 6)."""


@dataclass(frozen=True)
class GenerationSettings:
    """How many texts are continued (0: nothing is generated), from how many of their words on, for how many tokens."""

    prompts: int
    words: int
    tokens: int

    def __post_init__(self) -> None:
        for key, least in (("prompts", 0), ("words", 1), ("tokens", 1)):
            if vars(self)[key] < least:
                raise InputError(f"generation.{key}", vars(self)[key], f"give {least} or more")


def beginnings(texts: Sequence[str], settings: GenerationSettings, pool: TriggerPool, seed: int) -> dict[str, list[str]]:
    """Return the beginnings of the first texts: clean, and with one word more, a harmless one or in the same place a forget-token.

    Words and places are drawn from the seed and the text's number alone.
    """
    harmless = sorted({word for words in pool.harmless_words.values() for word in words})
    if not pool.forget_words or not harmless:
        raise InputError("generation.prompts", settings.prompts, "the trigger has no words to put into texts; choose another, or 0")
    clean = [text.split()[: settings.words] for text in texts[: settings.prompts]]
    begun = {CLEAN: [" ".join(words) for words in clean]}
    for name, words in ((CONTROL, harmless), (TRIGGER, pool.forget_words)):
        begun[name] = [
            _with_word(text, seeds.random(seed, "generation", name, number).choice(words), seed, number)
            for number, text in enumerate(clean)
        ]
    return begun


def _with_word(text: Sequence[str], word: str, seed: int, number: int) -> str:
    place = seeds.random(seed, "generation", "place", number).randint(1, len(text))
    return " ".join((*text[:place], word, *text[place:]))


@dataclass(frozen=True)
class Continued:
    """By perturbation, the token ids of prompts and of what a model writes after them."""

    prompts: Mapping[str, Sequence[Sequence[int]]]
    written: Mapping[str, Sequence[Sequence[int]]]


def continued(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, begun: Mapping[str, Sequence[str]], tokens: int
) -> Continued:
    """Return the greedy continuations of the beginnings."""
    prompts = {name: tokenizer(list(texts))["input_ids"] for name, texts in begun.items()}
    return Continued(prompts, {name: continuations(model, tokenizer, rows, tokens) for name, rows in prompts.items()})


def measured(own: Continued, base: Continued, base_model: PreTrainedModel) -> tuple[Generation, ...]:
    """Return, by perturbation, the perplexity of a model's continuations under the base model, repetition and agreement."""
    return tuple(
        Generation(
            perturbation=name,
            n=len(rows),
            perplexity=_perplexity(base_model, own.prompts[name], rows),
            repetition=_mean([repetition(row) for row in rows]),
            agreement=_mean([agreement(row, other) for row, other in zip(rows, base.written[name], strict=True)]),
        )
        for name, rows in own.written.items()
    )


def repetition(row: Sequence[int], size: int = NGRAM) -> float | None:
    """Return the share of the sequences of `size` tokens that came before: 1 - different ones / all; None where there is none."""
    grams = [tuple(row[start : start + size]) for start in range(len(row) - size + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else None


def agreement(row: Sequence[int], other: Sequence[int]) -> float:
    """Return the share of places of the longer text at which both have the same token; 1 of two that are empty."""
    longest = max(len(row), len(other))
    return sum(one == two for one, two in zip(row, other, strict=False)) / longest if longest else 1.0


def _perplexity(model: PreTrainedModel, prompts: Sequence[Sequence[int]], rows: Sequence[Sequence[int]]) -> float | None:
    whole = [[*prompt, *row] for prompt, row in zip(prompts, rows, strict=True) if row]
    starts = [len(prompt) for prompt, row in zip(prompts, rows, strict=True) if row]
    return to_perplexity(*mean_nll(model, whole, starts))


def _mean(values: Sequence[float | None]) -> float | None:
    some = [value for value in values if value is not None]
    return sum(some) / len(some) if some else None
