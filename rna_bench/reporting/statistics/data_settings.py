"""Settings that tell apart runs of one seed that were asked different questions, or trained on different texts."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from rna_bench.core.types import RunRecord
from rna_bench.reporting.statistics.models import SHORTEST, model_key
from rna_bench.runs.identity import canonical

Flat: TypeAlias = Mapping[str, Any]
SOURCES = ("dataset", "corpus")
CONTENT = ("questions", "corpus")
"""The fingerprints of what runs were asked and trained on."""


def with_data(records: Sequence[RunRecord], flats: Sequence[Flat]) -> list[Flat]:
    """Return the settings of records, with paths where runs of one seed with the same settings differ in questions or texts.

    Where even the paths are the same, because a file was changed, the fingerprints of questions and texts are settings too.
    """
    by_path = [{**flat, **_paths(record, flat)} for record, flat in zip(records, flats, strict=True)]
    by_content = [{**flat, **_content(record)} for record, flat in zip(records, by_path, strict=True)]
    return list(next((each for each in (flats, by_path) if not _clash(records, each)), by_content))


def asked(flat: Flat) -> str:
    """Return the settings that say which questions a run was asked, where `with_data` told runs apart by them, as text."""
    return json.dumps({key: value for key, value in flat.items() if key == "questions" or _is_file_of_questions(key)})


def _is_file_of_questions(key: str) -> bool:
    return key.startswith("dataset.") and key.endswith(".path")


def _clash(records: Sequence[RunRecord], flats: Sequence[Flat]) -> bool:
    """Return whether runs that have all settings in common, the seed too, differ in what they were asked or trained on."""
    seen: dict[str, dict[str, str]] = {}
    for record, flat in zip(records, flats, strict=True):
        same = json.dumps([*model_key(record), sorted(flat.items())], default=str)
        content = _content(record)
        if seen.setdefault(same, content) != content:
            return True
    return False


def _paths(record: RunRecord, flat: Flat) -> dict[str, Any]:
    """Return the paths of a record's questions and texts, which its settings leave out, as `section.key`."""
    sections = {name: canonical(record.config[name]) for name in SOURCES if record.config.get(name)}
    return {key: value for key, value in flattened(sections).items() if key not in flat}


def _content(record: RunRecord) -> dict[str, str]:
    return {name: record.fingerprints[name][:SHORTEST] for name in CONTENT if name in record.fingerprints}


def flattened(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as `section.key`."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        flat |= flattened(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
