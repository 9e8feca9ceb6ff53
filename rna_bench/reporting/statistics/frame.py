"""Records -> groups of runs that differ in their seed alone, and the labels that tables and figures show for them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rna_bench.core.types import RunRecord, Status, TriggerType
from rna_bench.reporting.statistics.scores import has_role
from rna_bench.runs.identity import public_name
from rna_bench.runs.identity import settings as canonical_settings

LABELLED = ("seed", "method._target_", "noise._target_", "noise.scale", "noise.unit")
"""Settings that a column of their own shows."""
UNNAMED_NOISE = ("RNA", "Noise")
"""Classes of noise whose label is scale and unit alone: RNA, under its present name and its earlier one."""
DEFAULT_RETAIN = "hidden_mse"
"""The retain loss that a method's label leaves out: that of RMU and its relatives."""


@dataclass(frozen=True)
class Group:
    """Finished runs of the same settings, by seed."""

    model: str
    dtype: str
    method: str
    noise: str
    """The label: "1 rms", or "antithetic 1 rms"; "0" without noise, "-" for the base model."""
    noise_unit: str
    """The label without the scale: groups of different kinds or units of noise are not on one axis."""
    scale: float
    """The noise scale; 0 without noise, -1 for the base model."""
    settings: str
    flat: Mapping[str, Any]
    """The settings of one of its runs as `section.key`."""
    varied: tuple[str, ...]
    """The keys that `settings` shows, where the group has them."""
    runs: Mapping[int, RunRecord]
    baseline_key: str
    """What the group has in common with its no-noise baseline."""
    trigger_types: tuple[TriggerType, ...]
    """The trigger types that all its runs were scored under."""
    forgets: bool
    """Whether all its runs were scored on forget questions."""

    @property
    def unlearned(self) -> bool:
        """Whether its runs trained: the base model did not."""
        return bool(self.runs[min(self.runs)].losses)


def grouped(records: Sequence[RunRecord]) -> list[Group]:
    """Return the groups of finished runs in the order of model, method (base first), settings and noise scale."""
    finished = [record for record in records if record.status is Status.finished]
    flat = {record.identity: flat_config(record) for record in finished}
    varied = _varied([(method_label(record), flat[record.identity]) for record in finished])
    by_key: dict[str, list[RunRecord]] = {}
    for record in finished:
        by_key.setdefault(_key(record, flat[record.identity], ()), []).append(record)
    unsorted = [_group(runs, flat[runs[0].identity], varied) for runs in by_key.values()]
    return sorted(unsorted, key=lambda g: (g.model, g.dtype, g.unlearned, g.method, g.settings, g.scale))


def _group(runs: Sequence[RunRecord], flat: Mapping[str, Any], varied: Sequence[str]) -> Group:
    noise = runs[0].config.get("noise")
    return Group(
        model=runs[0].model,
        dtype=str(flat["model.dtype"]),
        method=method_label(runs[0]),
        noise=noise_label(noise),
        noise_unit=noise_unit(noise),
        scale=noise_scale(noise),
        settings=_shown(flat, varied),
        flat=flat,
        varied=tuple(varied),
        runs={record.config["seed"]: record for record in sorted(runs, key=lambda r: r.config["seed"])},
        baseline_key=_key(runs[0], flat, ("noise.",)),
        trigger_types=tuple(scored_trigger_types(runs)),
        forgets=all(has_role(run.scores, "forget") for run in runs),
    )


def method_label(record: RunRecord) -> str:
    """Return the name of method and retain loss: `rmu`, `rmu_kl`, `npo_kl`.

    The retain loss is left out where it is `hidden_mse`, and where the method's own name ends in it (`npo_kl`), as in records
    that have no choice of it.
    """
    method, retain = record.choices.get("method", "?"), record.choices.get("retain", DEFAULT_RETAIN)
    if method == "none" or retain == DEFAULT_RETAIN or method.endswith(f"_{retain}"):
        return method
    return f"{method}_{retain}"


def noise_label(section: Mapping[str, Any] | None) -> str:
    """Return the label of a record's noise section: "1 rms" for RNA, "antithetic 1 rms" for another kind of noise.

    "0" without noise, and "-" where there is no section: nothing was trained.
    """
    if not section:
        return "-"
    if not section.get("scale"):
        return "0"
    return " ".join(part for part in (_noise_kind(section), f"{float(section['scale']):g}", section.get("unit", "")) if part)


def noise_unit(section: Mapping[str, Any] | None) -> str:
    """Return the noise's kind and unit without its scale: "rms", "antithetic rms"; "" without noise."""
    if not section or not section.get("scale"):
        return ""
    return f"{_noise_kind(section)} {section.get('unit', '')}".strip()


def noise_scale(section: Mapping[str, Any] | None) -> float:
    """Return the scale of a record's noise section; -1 where there is no section."""
    return float((section or {}).get("scale", -1))


def _noise_kind(section: Mapping[str, Any]) -> str:
    """Return the noise's class name in words, less the word noise; "" for RNA."""
    name = (public_name(section.get("_target_")) or "").rpartition(".")[2]
    return "" if name in UNNAMED_NOISE else re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Noise")).lower()


def _shown(flat: Mapping[str, Any], keys: Sequence[str]) -> str:
    return ", ".join(f"{key}={flat[key]}" for key in keys if key in flat)


def shown_settings(group: Group, without: tuple[str, ...]) -> str:
    """Return the settings that distinguish the group from others of its method, less the named ones."""
    return _shown(group.flat, [key for key in group.varied if key not in without])


def key_without(group: Group, prefixes: tuple[str, ...]) -> str:
    """Return a key that groups share if they differ only in settings that begin with one of the prefixes."""
    return _key(group.runs[min(group.runs)], group.flat, prefixes)


def _key(record: RunRecord, flat: Mapping[str, Any], without: tuple[str, ...]) -> str:
    """Return the settings but the seed and those that begin with `without`, and the model's fingerprint, as text."""
    shared = sorted((key, value) for key, value in flat.items() if key != "seed" and not key.startswith(without))
    return json.dumps([record.model, record.fingerprints["model"], shared])


def flat_config(record: RunRecord) -> dict[str, Any]:
    """Return a run's settings as `section.key`, without paths."""
    return flattened(canonical_settings(record.config))


def flattened(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as `section.key`."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        flat |= flattened(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _varied(methods: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Return the keys whose values differ between runs of the same method, less those that a column or the model's name shows."""
    values: dict[tuple[str, str], set[str]] = {}
    for method, flat in methods:
        for key, value in flat.items():
            if key not in LABELLED and not key.startswith("model.") and not key.endswith(".world"):
                values.setdefault((key, method), set()).add(repr(value))
    return sorted({key for (key, _), different in values.items() if len(different) > 1})


def scored_trigger_types(records: Sequence[RunRecord]) -> list[TriggerType]:
    """Return the trigger types that every record has scores of, in the order of `TriggerType`."""
    perturbations = [{score.perturbation for score in record.scores} for record in records]
    return [one for one in TriggerType if all(one.trigger in each and one.control in each for each in perturbations)]
