"""A claim as it is shown: in the terminal, in tables.md, and on the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill

from rna_bench.reporting.statistics.effects import POWER
from rna_bench.reporting.statistics.near_copies import ALIKE, CLOSE
from rna_bench.reporting.statistics.significance import LEVEL

WIDTH = 132
COUNTED = (
    "For how many methods a verdict holds. Near copies count once: methods whose accuracies under triggers, over seeds and trigger "
    f"types, correlate above {ALIKE:g} (r) and differ by at most {CLOSE:g} points on average, or that have a model in common. "
    "A method with several noise scales has its strongest verdict, at the scales named. "
    f"Detectable: the smallest true means, by trigger type, that so many seeds find with {POWER:.0%} power at {LEVEL:g}; after "
    "Holm, at the lowest level that its correction sets."
)


@dataclass(frozen=True)
class Claim:
    """A numbered claim in Markdown: title and rule, a line of counts for each model, and an entry of evidence for each group."""

    number: str
    title: str
    rule: str
    counts: tuple[str, ...]
    evidence: tuple[str, ...]


def claims_text(claims: Sequence[Claim]) -> str:
    """Return the claims in Markdown: all counts first, then each claim with its rule and its evidence."""
    if not claims:
        return ""
    counts = [f"- {claim.title} (claim {claim.number}), {line}" for claim in claims for line in claim.counts]
    lines = ["## The two claims", "", *([fill(COUNTED, WIDTH), "", *counts, ""] if counts else [])]
    for claim in claims:
        said = f"{claim.number}. {claim.title}. {claim.rule}".strip()
        lines += [fill(said, WIDTH, subsequent_indent="   ", break_on_hyphens=False)]
        lines += [f"   - {_indented(entry)}" for entry in claim.evidence] or [""]
    return "\n".join(lines).rstrip()


def _indented(entry: str) -> str:
    """Return an entry of a list below a numbered one, its further lines indented so that they belong to it."""
    return entry.replace("\n", "\n     ")
