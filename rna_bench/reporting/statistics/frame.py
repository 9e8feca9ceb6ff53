"""Records -> groups of runs that differ in their seed alone, and the labels that tables and figures show for them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rna_bench.core.labels import noise_label
from rna_bench.core.types import RunRecord, Status, TriggerType
from rna_bench.reporting.statistics.data_settings import flattened, with_data
from rna_bench.reporting.statistics.models import SHORTEST, ModelKey, model_key, model_labels
from rna_bench.reporting.statistics.scores import has_role
from rna_bench.reporting.statistics.settings import Described, options_of, shown, varied
from rna_bench.runs.identity import MASTER_WEIGHTS, has_master_weights, is_checkpoint, is_gold
from rna_bench.runs.identity import settings as canonical_settings
from rna_bench.runs.labels import method_of_run, noise_of_run


@dataclass(frozen=True)
class Group:
    """Runs of the same settings, by seed: those that finished, and those that collapsed, whose scores are their result."""

    model: str
    dtype: str
    method: str
    noise: str
    """The label: "1 rms", or "antithetic 1 rms"; "0" without noise, "-" for the base model, and for a checkpoint."""
    noise_unit: str
    """The label without the scale: groups of different kinds or units of noise are not on one axis."""
    scale: float
    """The noise scale; 0 without noise, and for a checkpoint, of which nothing is known; -1 for the base model."""
    settings: str
    flat: Mapping[str, Any]
    """The settings of one of its runs as `section.key`."""
    options: Mapping[str, str]
    """The options of its sections, and the names of its datasets."""
    varied: tuple[str, ...]
    """The keys that `settings` shows, where the group has them."""
    runs: Mapping[int, RunRecord]
    """The runs that count in means; none where all runs of a group of `failed_groups` are `uncounted`."""
    collapsed: tuple[RunRecord, ...]
    """Those of `runs` that collapsed."""
    uncounted: tuple[RunRecord, ...]
    """Runs beside `runs` that count in no mean: they diverged, or have no scores."""
    baseline_key: str
    """What the group has in common with its no-noise baseline."""
    trigger_types: tuple[TriggerType, ...]
    """The trigger types that all its runs were scored under."""
    forgets: bool
    """Whether all its runs were scored on forget questions."""

    @property
    def unlearned(self) -> bool:
        """Whether it stands beside a base: its model was unlearned, here or elsewhere, or is a gold reference."""
        return self.trained or any(is_checkpoint(record.config) for record in (*self.runs.values(), *self.uncounted))

    @property
    def gold(self) -> bool:
        """Whether its model is a gold reference: it stands beside the methods, and is none."""
        return any(is_gold(record.config) for record in (*self.runs.values(), *self.uncounted))

    @property
    def trained(self) -> bool:
        """Whether its runs trained: neither the base model nor a checkpoint did."""
        return any(record.losses for record in (*self.runs.values(), *self.uncounted))


def counts(record: RunRecord) -> bool:
    """Return whether a run counts in means: it has scores, and did not diverge.

    A collapsed run counts: accuracy at chance is its result, and a comparison without it would flatter the method. A diverged run
    has weights or losses that are not finite; scores of such a model, if there are any, measure nothing.
    """
    return record.status is not Status.diverged and bool(record.scores)


def grouped(records: Sequence[RunRecord], models: Mapping[ModelKey, str] | None = None) -> list[Group]:
    """Return the groups with a run that counts, in the order of model, method (base first), settings and noise scale.

    `models` are the models' labels, where they are shown beside other records; otherwise those of these records alone.
    """
    return [group for group in _all_groups(records, models) if group.runs]


def failed_groups(records: Sequence[RunRecord]) -> list[Group]:
    """Return the groups of which no run counts, in the same order."""
    return [group for group in _all_groups(records, None) if not group.runs]


def _all_groups(records: Sequence[RunRecord], models: Mapping[ModelKey, str] | None) -> list[Group]:
    flats = with_data(records, [flat_config(record) for record in records])
    described = {
        record.identity: Described(method_of_run(record.config, record.choices), flat, options_of(record))
        for record, flat in zip(records, flats, strict=True)
    }
    keys = varied(list(described.values()))
    models = models or model_labels(records)
    by_key: dict[str, list[RunRecord]] = {}
    for record in records:
        by_key.setdefault(_key(record, described[record.identity].flat, ()), []).append(record)
    told_apart = [part for runs in by_key.values() for part in _told_apart(runs)]
    unsorted = [_group(runs, described[runs[0].identity], keys, models[model_key(runs[0])], files) for files, runs in told_apart]
    return sorted(unsorted, key=lambda g: (g.model, g.dtype, g.unlearned, g.method, g.settings, g.scale))


def _told_apart(records: Sequence[RunRecord]) -> list[tuple[str, list[RunRecord]]]:
    """Return the records of a group; checkpoints that have name and seed in common are told apart by their files' fingerprint."""
    by_files: dict[str, list[RunRecord]] = {}
    for record in records:
        by_files.setdefault(record.fingerprints.get("model", ""), []).append(record)
    several = len(by_files) > 1 and max(Counter(record.config["seed"] for record in records).values()) > 1
    return [(f" ({files[:SHORTEST]})", own) for files, own in by_files.items()] if several else [("", list(records))]


def _group(records: Sequence[RunRecord], described: Described, keys: Sequence[str], model: str, files: str) -> Group:
    """Return the group; `files` is added to the method's name where that alone does not tell it from another."""
    method, flat, options = described
    noise = records[0].config.get("noise")
    runs = [record for record in sorted(records, key=lambda r: r.config["seed"]) if counts(record)]
    return Group(
        model=model,
        dtype=str(flat["model.dtype"]),
        method=method + files,
        noise=noise_of_run(records[0].config),
        noise_unit=noise_unit(noise),
        scale=run_noise_scale(records[0]),
        settings=shown({**options, **flat}, keys),
        flat=flat,
        options=options,
        varied=tuple(keys),
        runs={record.config["seed"]: record for record in runs},
        collapsed=tuple(record for record in runs if record.status is Status.collapsed),
        uncounted=tuple(record for record in records if not counts(record)),
        baseline_key=_key(records[0], flat, ("noise.",)) + files,
        trigger_types=tuple(scored_trigger_types(runs)),
        forgets=all(has_role(run.scores, "forget") for run in runs),
    )


def named_failures(records: Sequence[RunRecord]) -> list[str]:
    """Return a line for each run that collapsed, diverged or has no scores, which says whether it counts, and why it ended so."""
    lines = ((record, "Collapsed, and counted" if counts(record) else "Counted in no mean") for record in records)
    return [
        f"{what}: {record.identity} ({record.status.value}: {record.reason or 'no scores'})."
        for record, what in lines
        if record.status is not Status.finished or not counts(record)
    ]


def noise_unit(section: Mapping[str, Any] | None) -> str:
    """Return the label of a record's noise section without its scale: "rms", "antithetic rms"; "" without noise."""
    if not section or not noise_label(section):
        return ""
    kind = noise_label({key: value for key, value in section.items() if key not in ("scale", "unit")})
    return f"{kind} {section.get('unit', '')}".strip()


def run_noise_scale(record: RunRecord) -> float:
    """Return the scale of a run's noise, as `noise_scale` does; 0 for a checkpoint, which stands with runs without noise."""
    return 0.0 if is_checkpoint(record.config) else noise_scale(record.config.get("noise"))


def noise_scale(section: Mapping[str, Any] | None) -> float:
    """Return the scale of a record's noise section: 1 where it is no number, -1 where nothing was trained."""
    if not section:
        return -1.0
    scale = section.get("scale", 1)
    return (float(scale) if isinstance(scale, int | float) else 1.0) if noise_label(section) else 0.0


def shown_settings(group: Group, without: tuple[str, ...]) -> str:
    """Return the settings that distinguish the group from others of its method, less the named ones."""
    return shown({**group.options, **group.flat}, [key for key in group.varied if key not in without])


def key_without(group: Group, prefixes: tuple[str, ...]) -> str:
    """Return a key that groups share if they differ only in settings that begin with one of the prefixes."""
    return _key(next(iter(group.runs.values())), group.flat, prefixes)


def _key(record: RunRecord, flat: Mapping[str, Any], without: tuple[str, ...]) -> str:
    """Return the settings but the seed and those that begin with `without`, and the model's fingerprint, as text."""
    shared = sorted((key, value) for key, value in flat.items() if key != "seed" and not key.startswith(without))
    return json.dumps([*model_key(record), shared])


def flat_config(record: RunRecord) -> dict[str, Any]:
    """Return a run's settings as `section.key`, without paths, and for every run that trains whether it has master weights."""
    flat = flattened(canonical_settings(record.config))
    masters = {f"optimizer.{MASTER_WEIGHTS}": has_master_weights(record.config)} if "optimizer._target_" in flat else {}
    return flat | masters


def scored_trigger_types(records: Sequence[RunRecord]) -> list[TriggerType]:
    """Return the trigger types that every record has scores of, in the order of `TriggerType`."""
    perturbations = [{score.perturbation for score in record.scores} for record in records]
    return [one for one in TriggerType if all(one.trigger in each and one.control in each for each in perturbations)]
