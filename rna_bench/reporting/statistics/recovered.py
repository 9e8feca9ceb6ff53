"""What attacks recover, in short: for each attack one accuracy of a group, once all of its budget is spent."""

from collections.abc import Mapping, Sequence

import numpy

from rna_bench.reporting.statistics.attacks import AttackKey, RecoveredRun, SeedRuns, by_seed
from rna_bench.reporting.statistics.frame import Group
from rna_bench.runs.attack_record import LAYER


def in_short(attacked: Mapping[str, RecoveredRun]) -> dict[str, list[AttackKey]]:
    """Return the variants of each attack by its name; `attacked` are runs by identity.

    Diagnostics, which see the original weights, are left out, and so are attacks of several settings, which one figure cannot
    stand for. Of an attack with other variants than single layers these alone are there.
    """
    keys = {key for run in attacked.values() for key, own in run.by_attack.items() if not own.diagnostic}
    by_name: dict[str, list[AttackKey]] = {}
    for key in sorted(keys):
        by_name.setdefault(key.attack, []).append(key)
    one_setting = {name: own for name, own in by_name.items() if len({key.settings for key in own}) == 1}
    return {name: [key for key in own if not key.variant.startswith(LAYER)] or own for name, own in one_setting.items()}


def strongest(keys: Sequence[AttackKey], group: Group, attacked: Mapping[str, RecoveredRun]) -> SeedRuns:
    """Return what the variant recovers of a group that recovers the most of it at its end; {} where none was tried."""
    found = [runs for key in keys if (runs := by_seed(key, group, attacked))]
    return max(found, key=_mean_at_end, default={})


def _mean_at_end(runs: SeedRuns) -> float:
    return float(numpy.mean([own.accuracies()[-1] for own in runs.values()]))
