"""What a misspelt word was probably meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches

NEAR = 0.6
"""How alike two words must be, from 0 to 1, for one to be taken for the other."""


def nearest(word: str, names: Iterable[str]) -> list[str]:
    """Return up to three of the names that are like the word, the most alike first."""
    by_lower = {name.lower(): name for name in names}
    return [by_lower[match] for match in get_close_matches(word.lower(), by_lower, n=3, cutoff=NEAR)]


def choose_one(word: str, names: Iterable[str]) -> str:
    """Return the remedy for a word that is none of the names: those that are like it, and all."""
    known = list(names)
    *others, last = nearest(word, known) or [""]
    near = f"{', '.join(others)} or {last}" if others else last
    return f"{f'did you mean {near}? ' if near else ''}choose one of {', '.join(known)}"
