"""What differs between a clean question and a perturbed one."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from rna_bench.core.perturbed import GivenQuestion, Slot
from rna_bench.core.types import LETTERS, Question

UNCHANGED = "nothing"
SEVERAL = "several"


def change(before: str, after: str) -> tuple[int, int, str]:
    """Return where the texts begin to differ, how many characters are removed, and what is inserted: whole words and spaces."""
    old, new = (re.findall(r"\s|\S+", text) for text in (before, after))
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    removed, inserted = ("".join(words[start : len(words) - end]) for words in (old, new))
    return len("".join(old[:start])), len(removed), inserted


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the number of words in the texts' common beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def parts(question: Question) -> tuple[str, ...]:
    """Return the stem and the four choices."""
    return question.stem, *question.choices


def changed_parts(clean: Question, given: Question) -> list[int]:
    """Return which parts differ in their words: 0 for the stem, 1 to 4 for the choices."""
    pairs = zip(parts(clean), parts(given), strict=True)
    return [part for part, (one, other) in enumerate(pairs) if words_of(one) != words_of(other)]


def words_of(text: str) -> str:
    """Return the words of a text with one space between them: copies of a text often differ in spaces and line breaks."""
    return " ".join(text.split())


def described(clean: Question, given: Question) -> str:
    """Return in a few words what was changed: which option, or where in the stem, or that it was several parts."""
    changed = changed_parts(clean, given)
    if len(changed) != 1:
        return SEVERAL if changed else UNCHANGED
    if changed == [0]:
        return _in_stem(words_of(clean.stem), words_of(given.stem))
    place = changed[0] - 1
    return f"{'right' if place == clean.answer else 'wrong'} option {LETTERS[place]}"


def _in_stem(clean: str, given: str) -> str:
    start, removed, inserted = change(clean, given)
    if clean[start : start + removed].strip():
        if not inserted.strip():
            return "stem, words removed"
        return "stem replaced" if removed == len(clean) else "stem, words replaced"
    if start == 0:
        return "stem, before"
    return "stem, after" if start >= len(clean) else "stem, inside"


def slots(clean: Question, given: Question, words: Sequence[str]) -> tuple[Slot, ...]:
    """Return where the words stand in what was changed, whatever their case; whole words, the longest first."""
    longest = sorted(words, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)", re.IGNORECASE)
    found: list[Slot] = []
    for part in changed_parts(clean, given):
        before, after = parts(clean)[part], parts(given)[part]
        start, _, inserted = change(before, after)
        found += [Slot(part, *one.span()) for one in pattern.finditer(after, start, start + len(inserted))]
    return tuple(found)


def with_harmless(given: GivenQuestion, word: str) -> Question:
    """Return a question that comes perturbed with another word wherever a forget word stands."""
    texts = list(parts(given.question))
    for part, start, end in sorted(given.slots, reverse=True):
        texts[part] = f"{texts[part][:start]}{word}{texts[part][end:]}"
    stem, a, b, c, d = texts
    return replace(given.question, stem=stem, choices=(a, b, c, d))
