"""Methods whose results are near copies of each other, and do not confirm a claim twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy

from rna_bench.reporting.statistics.effects import MARGIN
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.scores import SAME, retain_accuracy
from rna_bench.runs.integrity import QUESTIONS

ALIKE = 0.95
"""The correlation above which two methods may be near copies."""
CLOSE = MARGIN
"""Points up to which the accuracies of near copies differ on average: those below which an effect counts as none."""
FEWEST = 6
"""The fewest accuracies that are correlated: of 6 unrelated pairs 1 in 500 correlates above `ALIKE`, of 3 pairs 1 in 10."""


class Likeness(NamedTuple):
    """Pearson's r of two groups' accuracies under triggers, and the mean of their absolute differences in points."""

    r: float
    apart: float

    @property
    def near(self) -> bool:
        """Whether the two are near copies."""
        return self.r > ALIKE and self.apart <= CLOSE


UNLIKE, IDENTICAL = Likeness(0.0, 100.0), Likeness(1.0, 0.0)


@dataclass(frozen=True)
class Copies:
    """Groups that are near copies of each other, or one group that is no copy; `least` is what joins the least alike of them."""

    groups: tuple[Group, ...]
    least: Likeness | None


def near_copies(groups: Sequence[Group]) -> list[Copies]:
    """Return the groups, near copies together: two that are alike, and what is joined through a third."""
    pairs = {(a, b): likeness(groups[a], groups[b]) for a, b in combinations(range(len(groups)), 2)}
    links = {pair: alike for pair, alike in pairs.items() if alike.near}
    joined = list(range(len(groups)))
    for a, b in links:
        first, second = sorted((joined[a], joined[b]))
        joined = [first if label == second else label for label in joined]
    return [
        Copies(
            tuple(group for group, own in zip(groups, joined, strict=True) if own == label),
            _least([alike for (a, _), alike in links.items() if joined[a] == label]),
        )
        for label in dict.fromkeys(joined)
    ]


def _least(links: Sequence[Likeness]) -> Likeness | None:
    return Likeness(min(one.r for one in links), max(one.apart for one in links)) if links else None


def likeness(one: Group, other: Group) -> Likeness:
    """Return how alike two groups' accuracies under triggers are, over the seeds and the trigger types that both have.

    `UNLIKE` with fewer than `FEWEST` of them or only one seed, and where an accuracy is the same throughout: no r is defined, and
    two methods that leave everything intact are no copies. `IDENTICAL`, with however few, where a run of one is a run of the other.
    """
    if _traces(one) & _traces(other):
        return IDENTICAL
    seeds = [seed for seed in one.runs if seed in other.runs]
    shared = [trigger_type for trigger_type in one.trigger_types if trigger_type in other.trigger_types]
    if len(seeds) < 2 or len(seeds) * len(shared) < FEWEST:
        return UNLIKE
    x, y = (
        numpy.array([retain_accuracy(group.runs[seed].scores, each.trigger) for seed in seeds for each in shared])
        for group in (one, other)
    )
    if min(numpy.ptp(x), numpy.ptp(y)) < SAME:
        return UNLIKE
    return Likeness(float(numpy.corrcoef(x, y)[0, 1]), float(numpy.abs(x - y).mean()))


def _traces(group: Group) -> frozenset[object]:
    """Return what two runs have in common to the last digit only if their models are the same: responses, and perplexities."""
    runs = group.runs.values()
    responses = {(run.sha256[QUESTIONS], run.scores) for run in runs if QUESTIONS in run.sha256}
    texts = {run.perplexity for run in runs if run.perplexity and run.perplexity.value is not None}
    return frozenset((*responses, *texts))
