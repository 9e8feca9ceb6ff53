"""How often a rare term stands in a passage with nothing else of its topic, in a real text: why `corpus.stray_share` is 0.3.

    python -m tests.benchmarks.stray_mentions FILE...    (WikiText as tokenised: "= Title =", one paragraph a line)

An article's topic words are those with the highest tf-idf over articles; its rare terms are those of them (10 at most) that stand
in at least three of its sentences and in at most three articles. Counted are sentences of the article that contain a rare term
and no other topic word (alone), and occurrences of the term in other articles (elsewhere). The share of stray mentions is both
together among all sentences with the term. The more words count as topic words, the fewer sentences are stray: three numbers of
words are shown. The same is done for paragraphs, the unit of long training texts.

WikiText-2, validation and test (122 articles, 16,890 sentences): with 10, 20 and 40 topic words 27%, 15% and 7% of an article's
sentences with a rare term are alone; 20%, 22% and 23% of all occurrences are elsewhere; together 41%, 33% and 29%. Of paragraphs
5%, 2% and 1% are alone. A text of the pocket world is as long as a sentence or two, hence 0.3; a corpus of whole papers alone has
less.
"""

import math
import re
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Words: TypeAlias = frozenset[str]
Paragraph: TypeAlias = list[Words]
"""The words of each of its sentences."""


@dataclass(frozen=True)
class Counts:
    """Sentences and paragraphs with a rare term, those with no other topic word, and occurrences in other articles."""

    sentences: int
    alone: int
    paragraphs: int
    paragraphs_alone: int
    elsewhere: int


def articles(lines: Iterable[str]) -> list[list[Paragraph]]:
    """Return the paragraphs of each article; headings below the title are left out."""
    found: list[list[Paragraph]] = []
    for line in map(str.strip, lines):
        if re.fullmatch(r"= [^=].* =", line):
            found.append([])
        elif line and not line.startswith("=") and found:
            found[-1].append([words for sentence in re.split(r"(?<= [.!?]) ", line) if len(words := _words(sentence)) >= 4])
    return found


def _words(sentence: str) -> Words:
    return frozenset(word.lower() for word in re.findall(r"[A-Za-z][A-Za-z0-9-]+", sentence))


def counts(texts: Sequence[Sequence[Paragraph]], words: int) -> Counts:
    """Return the counts over all articles and their rare terms, with so many topic words an article."""
    frequencies = [Counter(word for paragraph in text for sentence in paragraph for word in sentence) for text in texts]
    present = Counter(word for frequency in frequencies for word in frequency)
    sentences = alone = paragraphs = paragraphs_alone = elsewhere = 0
    for text, frequency in zip(texts, frequencies, strict=True):
        topic = _topic_words(frequency, present, len(texts), words)
        for term in [word for word in topic if present[word] <= 3 and frequency[word] >= 3][:10]:
            hits = [sentence for paragraph in text for sentence in paragraph if term in sentence]
            whole = [union for paragraph in text if term in (union := frozenset[str]().union(*paragraph))]
            sentences, alone = sentences + len(hits), alone + sum(len(hit & set(topic)) == 1 for hit in hits)
            paragraphs += len(whole)
            paragraphs_alone += sum(len(hit & set(topic)) == 1 for hit in whole)
            elsewhere += sum(other[term] for other in frequencies) - frequency[term]
    return Counts(sentences, alone, paragraphs, paragraphs_alone, elsewhere)


def _topic_words(frequency: Counter[str], present: Counter[str], articles: int, words: int) -> list[str]:
    return sorted(frequency, key=lambda word: (-frequency[word] * math.log(articles / present[word]), word))[:words]


def main() -> None:
    """Print the shares for three numbers of topic words."""
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    lines = [line for path in parser.parse_args().files for line in path.read_text(encoding="utf-8").splitlines()]
    texts = articles(lines)
    print(f"{len(texts)} articles, {sum(len(paragraph) for text in texts for paragraph in text)} sentences")
    for words in (10, 20, 40):
        seen = counts(texts, words)
        every = seen.sentences + seen.elsewhere
        print(
            f"{words} topic words: alone {seen.alone / seen.sentences:.1%} of {seen.sentences} sentences, "
            f"{seen.paragraphs_alone / seen.paragraphs:.1%} of {seen.paragraphs} paragraphs; "
            f"elsewhere {seen.elsewhere / every:.1%} of {every}; stray together {(seen.alone + seen.elsewhere) / every:.1%}"
        )


if __name__ == "__main__":
    main()
