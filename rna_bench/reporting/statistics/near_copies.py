"""Methods whose results are near copies of each other, and do not confirm a claim twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy

from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.scores import SAME, retain_accuracy

ALIKE = 0.95
"""The correlation above which two methods are near copies."""
FEWEST = 6
"""The fewest accuracies that are correlated: of 6 unrelated pairs 1 in 500 correlates above `ALIKE`, of 3 pairs 1 in 10."""


@dataclass(frozen=True)
class Copies:
    """Groups that are near copies of each other, or one group that is no copy; `r` is the lowest correlation that joins them."""

    groups: tuple[Group, ...]
    r: float | None


def near_copies(groups: Sequence[Group]) -> list[Copies]:
    """Return the groups, near copies together: two whose correlation is above `ALIKE`, and what is joined through a third."""
    links = {(a, b): r for a, b in combinations(range(len(groups)), 2) if (r := correlation(groups[a], groups[b])) > ALIKE}
    joined = list(range(len(groups)))
    for a, b in links:
        first, second = sorted((joined[a], joined[b]))
        joined = [first if label == second else label for label in joined]
    return [
        Copies(
            tuple(group for group, own in zip(groups, joined, strict=True) if own == label),
            min((r for (a, _), r in links.items() if joined[a] == label), default=None),
        )
        for label in dict.fromkeys(joined)
    ]


def correlation(one: Group, other: Group) -> float:
    """Return Pearson's r of the accuracies under triggers of two groups, over the seeds and the trigger types that both have.

    0 with fewer than `FEWEST` of them or only one seed, and where an accuracy is the same throughout: no r is defined, and two
    methods that leave everything intact are no copies.
    """
    seeds = [seed for seed in one.runs if seed in other.runs]
    shared = [trigger_type for trigger_type in one.trigger_types if trigger_type in other.trigger_types]
    if len(seeds) < 2 or len(seeds) * len(shared) < FEWEST:
        return 0.0
    x, y = (
        numpy.array([retain_accuracy(group.runs[seed].scores, each.trigger) for seed in seeds for each in shared])
        for group in (one, other)
    )
    return 0.0 if min(numpy.ptp(x), numpy.ptp(y)) < SAME else float(numpy.corrcoef(x, y)[0, 1])
