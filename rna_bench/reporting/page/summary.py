"""Claims in Markdown -> the page's cards."""

from collections.abc import Sequence
from typing import NamedTuple

from markdown_it import MarkdownIt
from markupsafe import Markup

from rna_bench.reporting.statistics.claim import Claim

MARKDOWN = MarkdownIt("zero", {"breaks": True}).enable(["list", "emphasis", "backticks", "escape", "newline"])
"""Lists, bold, code and lines alone, so that a name in a record cannot insert a link, an image or HTML."""


class ClaimSummary(NamedTuple):
    """A numbered claim in HTML: its title and rule, how many methods have which verdict by model, and the evidence."""

    number: str
    title: Markup
    rule: Markup
    counts: tuple[Markup, ...]
    evidence: Markup | None


def claims_of(claims: Sequence[Claim]) -> list[ClaimSummary]:
    """Return the claims in HTML, in the words of the tables."""
    return [
        ClaimSummary(
            one.number, inline(one.title), _html(one.rule), tuple(inline(line) for line in one.counts), _list(one.evidence)
        )
        for one in claims
    ]


def _list(entries: Sequence[str]) -> Markup | None:
    return _html("\n".join(f"- {entry.replace(chr(10), chr(10) + '  ')}" for entry in entries)) if entries else None


def _html(text: str) -> Markup:
    return Markup(MARKDOWN.render(text))


def inline(text: str) -> Markup:
    """Return Markdown of one paragraph in HTML, without the paragraph's own element."""
    return Markup(MARKDOWN.renderInline(text))
