"""Puts a suffix of tokens at the end of a question's stem, before its options."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from transformers import PreTrainedTokenizerBase

from rna_bench.core.types import LETTERS, InputError, Text
from rna_bench.evaluation.requests import EvalSet, Request, letter_ids
from rna_bench.models.trees import common_prefix

OPTIONS = "\nA. "
"""What follows a stem."""
Suffix = tuple[int, ...]


@dataclass(frozen=True)
class SuffixPlaces:
    """Requests, and how many tokens of each follow the place of a suffix."""

    eval_set: EvalSet
    after: tuple[int, ...]

    def with_suffix(self, suffix: Suffix, context: int | None = None) -> EvalSet:
        """Return the requests with a suffix; those longer than `context` tokens are cut at the beginning, as all prompts are."""
        pairs = zip(self.eval_set.requests, self.after, strict=True)
        return EvalSet(tuple(_placed(request, after, suffix, context) for request, after in pairs), self.eval_set.letters)


def suffix_places(eval_set: EvalSet, tokenizer: PreTrainedTokenizerBase) -> SuffixPlaces:
    """Return the places of a suffix in requests that were made of questions."""
    texts = [request.parts.text() for request in eval_set.requests if request.parts]
    return SuffixPlaces(eval_set, tuple(len(ids) - place for ids, place in _encoded(texts, tokenizer)))


def solved_places(texts: Sequence[Text], tokenizer: PreTrainedTokenizerBase) -> SuffixPlaces:
    """Return the places in questions that are training texts, with the letter of their answer as body."""
    rows = _encoded([text.context for text in texts], tokenizer)
    requests = tuple(
        Request("", "", "", str(number), "", tuple(ids), _answer(text), cut=False)
        for number, (text, (ids, _)) in enumerate(zip(texts, rows, strict=True))
    )
    letters = letter_ids(tokenizer, texts[0].context)
    return SuffixPlaces(EvalSet(requests, letters), tuple(len(ids) - place for ids, place in rows))


def _answer(text: Text) -> int:
    letter = text.body.strip()
    if letter not in LETTERS:
        raise InputError("dataset", text.body, "a suffix is learned on questions whose bodies are a letter from A to D")
    return LETTERS.index(letter)


def _encoded(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[tuple[list[int], int]]:
    """Return the token ids of prompts, and how many of them come before the end of the last stem, or before the token it is in."""
    whole = tokenizer(list(texts))["input_ids"]
    before = tokenizer([text.rpartition(OPTIONS)[0] for text in texts])["input_ids"]
    return [(ids, common_prefix(start, ids)) for ids, start in zip(whole, before, strict=True)]


def _placed(request: Request, after: int, suffix: Suffix, context: int | None) -> Request:
    place = len(request.ids) - after
    ids = (*request.ids[:place], *suffix, *request.ids[place:])
    too_long = context is not None and len(ids) > context
    return replace(request, ids=ids[-context:] if too_long and context else ids, cut=request.cut or too_long)
