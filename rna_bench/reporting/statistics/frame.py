"""Records -> groups: runs that differ in their seed alone."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rna_bench.core.types import CLEAN, RunRecord, Score, Status, TriggerType
from rna_bench.runs.identity import settings as settings_of

NAMED = ("seed", "method._target_", "noise._target_", "noise.scale", "noise.unit")


@dataclass(frozen=True)
class Group:
    """Finished runs of one setting, by seed."""

    model: str
    dtype: str
    method: str
    noise: str
    scale: float
    settings: str
    flat: Mapping[str, Any]
    """Its settings as `section.key`, of one of its runs."""
    varied: tuple[str, ...]
    """The keys that `settings` shows, where the group has them."""
    runs: Mapping[int, RunRecord]
    twin: str
    """What the group shares with its twin without noise."""
    kinds: tuple[TriggerType, ...]
    """The kinds of trigger that all its runs were scored under."""
    forgets: bool
    """Whether all its runs were asked forget questions."""

    @property
    def unlearned(self) -> bool:
        return bool(self.runs[min(self.runs)].losses)


def groups(records: Sequence[RunRecord]) -> list[Group]:
    """Return groups in the order of model, method (base first), settings and noise scale; only finished runs are taken."""
    finished = [record for record in records if record.status is Status.finished]
    flat = {record.identity: flat_config(record) for record in finished}
    varied = _varied([(record.choices["method"], flat[record.identity]) for record in finished])
    found: dict[str, list[RunRecord]] = {}
    for record in finished:
        found.setdefault(_key(record, flat[record.identity], ()), []).append(record)
    made = [_group(runs, flat[runs[0].identity], varied) for runs in found.values()]
    return sorted(made, key=lambda g: (g.model, g.dtype, g.unlearned, g.method, g.settings, g.scale))


def _group(runs: Sequence[RunRecord], flat: Mapping[str, Any], varied: Sequence[str]) -> Group:
    noise = f"{flat['noise.scale']:g} {flat['noise.unit']}" if flat.get("noise.scale") else ("0" if "noise.scale" in flat else "-")
    return Group(
        model=runs[0].model,
        dtype=str(flat["model.dtype"]),
        method=runs[0].choices["method"],
        noise=noise,
        scale=float(flat.get("noise.scale", -1)),
        settings=_told(flat, varied),
        flat=flat,
        varied=tuple(varied),
        runs={record.config["seed"]: record for record in sorted(runs, key=lambda r: r.config["seed"])},
        twin=_key(runs[0], flat, ("noise.",)),
        kinds=tuple(kinds(runs)),
        forgets=all(any(score.role == "forget" for score in run.scores) for run in runs),
    )


def _told(flat: Mapping[str, Any], keys: Sequence[str]) -> str:
    return ", ".join(f"{key}={flat[key]}" for key in keys if key in flat)


def settings(group: Group, without: tuple[str, ...]) -> str:
    """Return the settings that tell the group from others of its method, less those named."""
    return _told(group.flat, [key for key in group.varied if key not in without])


def alike(group: Group, without: tuple[str, ...]) -> str:
    """Return what a group shares with those that differ from it in the settings that begin as `without` alone."""
    return _key(group.runs[min(group.runs)], group.flat, without)


def _key(record: RunRecord, flat: Mapping[str, Any], without: tuple[str, ...]) -> str:
    """Return what a run shares with others of its group: all settings but the seed, and the model's fingerprint."""
    kept = sorted((key, value) for key, value in flat.items() if key != "seed" and not key.startswith(without))
    return json.dumps([record.model, record.fingerprints["model"], kept])


def flat_config(record: RunRecord) -> dict[str, Any]:
    """Return a run's settings as `section.key`, without paths."""
    return _flat(settings_of(record.config))


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as `section.key`."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def shared_config(group: Group) -> dict[str, Any]:
    """Return the settings that a group's runs share, as `section.key`, beside the seed of one of them."""
    return flat_config(group.runs[min(group.runs)])


def _varied(methods: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Return the keys whose values differ between runs of the same method, less those that a column or the model's name shows."""
    values: dict[tuple[str, str], set[str]] = {}
    for method, flat in methods:
        for key, value in flat.items():
            if key not in NAMED and not key.startswith("model.") and not key.endswith(".world"):
                values.setdefault((key, method), set()).add(repr(value))
    return sorted({key for (key, _), seen in values.items() if len(seen) > 1})


def pooled(scores: Sequence[Score], perturbation: str) -> float:
    """Return the accuracy on a form over all retain questions, in percent: tasks are weighted by size."""
    right, asked = 0.0, 0
    for score in scores:  # a plain loop: of a thousand records it is run a hundred thousand times
        if score.perturbation == perturbation and score.role == "retain":
            right += score.accuracy * score.n
            asked += score.n
    return 100 * right / asked


def task_accuracy(scores: Sequence[Score], task: str) -> float:
    """Return the accuracy on a task's clean questions, in percent."""
    return 100 * next(score.accuracy for score in scores if score.task == task and score.perturbation == CLEAN)


def forget_accuracy(scores: Sequence[Score]) -> float:
    """Return the accuracy over all forget questions, in percent: tasks are weighted by size."""
    chosen = [score for score in scores if score.role == "forget"]
    return 100 * sum(score.accuracy * score.n for score in chosen) / sum(score.n for score in chosen)


def kinds(records: Sequence[RunRecord]) -> list[TriggerType]:
    """Return the kinds of trigger that every record has scores of, in their own order."""
    perturbations = [{score.perturbation for score in record.scores} for record in records]
    return [kind for kind in TriggerType if all(kind.trigger in found and kind.control in found for found in perturbations)]


def damage(kind: TriggerType) -> Callable[[Sequence[Score]], float]:
    """Return the measure of damage: points lost to the trigger beyond what its harmless control costs."""
    return lambda scores: pooled(scores, kind.control) - pooled(scores, kind.trigger)
