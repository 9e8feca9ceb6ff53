"""The paper's two claims, judged by the records in sentences made from the numbers."""

from collections.abc import Sequence
from dataclasses import replace

from rna_bench.core.types import RunRecord
from rna_bench.reporting.statistics import claim_breaks, claim_restores
from rna_bench.reporting.statistics.claim import Claim
from rna_bench.reporting.statistics.counts import Judged, counts
from rna_bench.reporting.statistics.fitness import fitness
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.pairs import baseline_pairs, baselines
from rna_bench.reporting.statistics.unfinished import unfinished, without_a_group


def claims(groups: Sequence[Group], records: Sequence[RunRecord], folder: str) -> list[Claim]:
    """Return what the groups allow to be said: whether they forget and retain, and the verdicts on both claims.

    A gold reference is judged as methods are, and not counted among them.

    `records` are those that the groups are of, and those of runs that did not finish; `folder` is where they lie.
    """
    plain = [group for group in baselines(groups).values() if group.trigger_types]
    if not plain:
        return []
    failed = unfinished(records)
    first = [claim_breaks.breaking(group, failed) for group in plain]
    second = [
        claim_restores.restoring(group, baseline, failed)
        for group, baseline in baseline_pairs(groups)
        if claim_restores.shared_types(group, baseline)
    ]
    checked = fitness(groups, folder)
    found = [
        *([checked] if checked else []),
        _claim("1", claim_breaks.TITLE, claim_breaks.RULE, plain, first),
        *([_claim("2", claim_restores.TITLE, claim_restores.RULE, plain, second)] if second else []),
    ]
    return [*found[:-1], replace(found[-1], evidence=(*found[-1].evidence, *without_a_group(groups, failed)))]


def _claim(number: str, title: str, rule: str, plain: Sequence[Group], judged: Sequence[Judged]) -> Claim:
    methods = [group for group in plain if not group.gold]
    counted = counts(methods, [one for one in judged if not one.group.gold])
    return Claim(number, title, rule, tuple(counted), tuple(one.evidence for one in judged))
