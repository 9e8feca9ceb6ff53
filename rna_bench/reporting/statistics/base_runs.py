"""The command that makes the base runs which a folder of records lacks."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from rna_bench.core.conf_files import config_folder, options
from rna_bench.core.types import RunRecord
from rna_bench.runs.identity import HAZARDS, SAMPLING, is_gold, origin_folder


def base_command(records: Sequence[RunRecord], folder: str) -> str:
    """Return the command that scores the model of these records, as it is, on their questions and seeds, into their folder."""
    first = records[0]
    own = ["--config-dir", "FOLDER"] if _of_ones_own(first) else []
    seeds = sorted({record.config["seed"] for record in records})
    words = [
        "method=none",
        *_model(first),
        *_dataset(first.config["dataset"]),
        *_scoring(first),
        *_trigger(first),
        f"seed={','.join(map(str, seeds))}",
        f"results_dir={folder}",
    ]
    return " ".join(["rna-bench run", *own, *(["-m"] if len(seeds) > 1 else []), *map(shlex.quote, words)])


def _of_ones_own(record: RunRecord) -> bool:
    """Return whether the model, a dataset or the triggers are options that lie in a folder of the user's."""
    single = {group: [record.choices[group]] for group in ("model", "trigger") if group in record.choices}
    chosen = single | {"dataset": [*record.config["dataset"]]}
    return any(name not in options(group, [config_folder("conf")]) for group, names in chosen.items() for name in names)


def _model(record: RunRecord) -> list[str]:
    section = record.config["model"] | {"path": origin_folder(record.config)}
    here = ("path", "name") if section["path"] else () if is_gold(record.config) else (HAZARDS,)
    return [
        f"model={record.choices.get('model', '?')}",
        *(f"model.{key}={section[key]}" for key in (*here, "world", "dtype", "attention") if key in section),
    ]


def _dataset(section: Mapping[str, Any]) -> list[str]:
    """Return the choice of questions, and what is set of each: the files, the limit, and the sample."""
    chosen = f"dataset=[{','.join(section)}]"
    keys = ("path", "limit", *SAMPLING)
    return [chosen, *(f"dataset.{name}.{key}={own[key]}" for name, own in section.items() for key in keys if own.get(key))]


def _scoring(record: RunRecord) -> list[str]:
    stderr = (record.config.get("scoring") or {}).get("stderr")
    return [f"scoring.stderr={stderr}"] if stderr else []


def _trigger(record: RunRecord) -> list[str]:
    section = record.config.get("trigger") or {}
    types = [f"trigger.types=[{','.join(section['types'])}]"] if section.get("types") else []
    return [f"trigger={record.choices['trigger']}", *types] if "trigger" in record.choices else []
