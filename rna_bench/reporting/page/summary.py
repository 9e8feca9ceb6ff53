"""Verdicts in Markdown -> the page's summary: how often each verdict was reached, and the evidence."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.verdicts import claims

MARKDOWN = MarkdownIt("zero").enable(["list", "emphasis", "backticks", "escape"])
"""Lists, bold and code alone, so that a name in a record cannot insert a link, an image or HTML."""


class ClaimSummary(NamedTuple):
    """A numbered claim: its rule, how often each verdict was reached, and a line of evidence for each setting."""

    number: str
    rule: Markup
    tally: tuple[tuple[str, int], ...]
    evidence: Markup


def claims_of(groups: Sequence[Group]) -> list[ClaimSummary]:
    """Return the claims that the groups of runs allow a verdict on."""
    tokens = MARKDOWN.parse(claims(groups))
    ends = [i for i, token in enumerate(tokens) if token.level == 1 and token.type == "list_item_close"]
    starts = [i for i, token in enumerate(tokens) if token.level == 1 and token.type == "list_item_open"]
    return [_claim(tokens[start], tokens[start + 1 : end]) for start, end in zip(starts, ends, strict=True)]


def _claim(item: Token, inner: Sequence[Token]) -> ClaimSummary:
    split = next((i + 1 for i, token in enumerate(inner) if token.type == "paragraph_close"), 0)
    return ClaimSummary(item.info, _html(inner[:split]), tuple(_tally(inner[split:])), _html(inner[split:]))


def _tally(tokens: Sequence[Token]) -> list[tuple[str, int]]:
    """Return the texts in bold with their counts, most frequent first."""
    bold = Counter(
        after.content
        for token in tokens
        for before, after in zip(token.children or (), (token.children or ())[1:], strict=False)
        if before.type == "strong_open"
    )
    return bold.most_common()


def _html(tokens: Sequence[Token]) -> Markup:
    return Markup(MARKDOWN.renderer.render(list(tokens), MARKDOWN.options, {}))
