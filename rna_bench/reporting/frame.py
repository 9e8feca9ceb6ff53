"""Records -> groups: runs that differ in their seed alone."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rna_bench.schema import CLEAN, Kind, RunRecord, Score, Status

NAMED = ("seed", "model", "method._target_", "retain._target_", "noise.scale", "noise.unit")


@dataclass(frozen=True)
class Group:
    """Finished runs of one setting, by seed."""

    model: str
    dtype: str
    method: str
    noise: str
    scale: float
    settings: str
    runs: Mapping[int, RunRecord]
    twin: str
    """What the group shares with its twin without noise."""

    @property
    def unlearned(self) -> bool:
        return bool(self.runs[min(self.runs)].losses)


def groups(records: Sequence[RunRecord]) -> list[Group]:
    """Return groups in the order of model, method (base first), settings and noise scale; only finished runs are taken."""
    finished = [record for record in records if record.status is Status.finished]
    flat = {record.identity: _flat(record.config) for record in finished}
    varied = _varied(list(flat.values()))
    found: dict[str, list[RunRecord]] = {}
    for record in finished:
        found.setdefault(json.dumps([record.model, _key(flat[record.identity], ("seed",))]), []).append(record)
    made = [_group(runs, flat[runs[0].identity], varied) for runs in found.values()]
    return sorted(made, key=lambda g: (g.model, g.dtype, g.unlearned, g.method, g.settings, g.scale))


def _group(runs: Sequence[RunRecord], flat: Mapping[str, Any], varied: Sequence[str]) -> Group:
    noise = f"{flat['noise.scale']:g} {flat['noise.unit']}" if "noise.scale" in flat else "-"
    return Group(
        model=runs[0].model,
        dtype=str(flat["model.dtype"]),
        method=runs[0].choices["method"],
        noise=noise if flat.get("noise.scale") else ("0" if "noise.scale" in flat else "-"),
        scale=float(flat.get("noise.scale", -1)),
        settings=", ".join(f"{key}={flat[key]}" for key in varied if key in flat),
        runs={record.config["seed"]: record for record in sorted(runs, key=lambda r: r.config["seed"])},
        twin=json.dumps([runs[0].model, _key(flat, ("seed", "noise.scale", "noise.unit"))]),
    )


def _key(flat: Mapping[str, Any], without: Sequence[str]) -> list[tuple[str, Any]]:
    return sorted((key, value) for key, value in flat.items() if key not in without and not key.endswith(".path"))


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as `section.key`."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _varied(flats: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys of the training whose values differ between runs of the same method and model, less those with a column."""
    values: dict[tuple[str, str], set[str]] = {}
    for flat in flats:
        for key, value in flat.items():
            if key.startswith(("method.", "train.", "noise.layer", "corpus.")) and key not in NAMED and key != "corpus.world":
                values.setdefault((key, str(flat.get("method._target_"))), set()).add(json.dumps(value))
    return sorted({key for (key, _), seen in values.items() if len(seen) > 1})


def pooled(scores: Sequence[Score], form: str) -> float:
    """Return the accuracy on a form over all retain questions, in percent: tasks are weighted by size."""
    chosen = [score for score in scores if score.role == "retain" and score.form == form]
    return 100 * sum(score.accuracy * score.n for score in chosen) / sum(score.n for score in chosen)


def task_accuracy(scores: Sequence[Score], task: str) -> float:
    """Return the accuracy on a task's clean questions, in percent."""
    return 100 * next(score.accuracy for score in scores if score.task == task and score.form == CLEAN)


def forget_accuracy(scores: Sequence[Score]) -> float:
    """Return the accuracy over all forget questions, in percent: tasks are weighted by size."""
    chosen = [score for score in scores if score.role == "forget"]
    return 100 * sum(score.accuracy * score.n for score in chosen) / sum(score.n for score in chosen)


def kinds(records: Sequence[RunRecord]) -> list[Kind]:
    """Return the kinds of trigger that were scored, in their own order."""
    forms = {score.form for record in records for score in record.scores}
    return [kind for kind in Kind if kind.trigger in forms]


def damage(kind: Kind) -> Callable[[Sequence[Score]], float]:
    """Return the measure of damage: points lost to the trigger beyond what its harmless control costs."""
    return lambda scores: pooled(scores, kind.control) - pooled(scores, kind.trigger)
