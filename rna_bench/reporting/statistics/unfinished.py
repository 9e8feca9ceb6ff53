"""Runs that diverged or collapsed, named beside the verdicts that they would have been in."""

from collections.abc import Mapping, Sequence
from typing import Any

from rna_bench.core.types import RunRecord, Status
from rna_bench.reporting.statistics.frame import Group, flat_config
from rna_bench.reporting.statistics.models import model_key
from rna_bench.runs.labels import method_of_run, noise_of_run


def unfinished(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the records of runs that did not finish."""
    return [record for record in records if record.status is not Status.finished]


def unfinished_in(group: Group, failed: Sequence[RunRecord]) -> list[RunRecord]:
    """Return the failed runs that have the group's settings, and differ in their seed alone; whether or not its means have them."""
    example = next(iter(group.runs.values()))
    settings = _but_seed(group.flat)
    return [record for record in failed if model_key(record) == model_key(example) and _but_seed(flat_config(record)) == settings]


def _but_seed(flat: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in flat.items() if key != "seed"}


def unfinished_line(group: Group, failed: Sequence[RunRecord]) -> str:
    """Return which of the group's runs did not finish, why, and whether its means have them; "" where all finished."""
    own = unfinished_in(group, failed)
    in_means = {record.identity for record in group.runs.values()}
    sides = {
        "in no number here": [record for record in own if record.identity not in in_means],
        "counted here": [record for record in own if record.identity in in_means],
    }
    parts = [f"{side}: {failures_text(records)}" for side, records in sides.items() if records]
    return f"Did not finish, {'; '.join(parts)}." if parts else ""


def failures_text(failed: Sequence[RunRecord]) -> str:
    """Return seeds and reasons: "seed 3 collapsed (retain accuracy fell to 25%)"."""
    ordered = sorted(failed, key=lambda record: record.config["seed"])
    return ", ".join(f"seed {record.config['seed']} {record.status.value} ({record.reason})" for record in ordered)


def without_a_group(groups: Sequence[Group], failed: Sequence[RunRecord]) -> list[str]:
    """Return a line for the failed runs of each model, method and noise that none of the groups has the settings of."""
    grouped = {record.identity for group in groups for record in unfinished_in(group, failed)}
    by_name: dict[str, list[RunRecord]] = {}
    for record in failed:
        if record.identity not in grouped:
            name = f"{record.model}, {method_of_run(record.config, record.choices)}, noise {noise_of_run(record.config)}"
            by_name.setdefault(name, []).append(record)
    return [f"{name}: no run finished: {failures_text(records)}." for name, records in by_name.items()]
