"""The names of models in tables, figures and the page: different models of one name are told apart."""

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import TypeAlias

from rna_bench.core.types import RunRecord
from rna_bench.runs.identity import origin_folder

ModelKey: TypeAlias = tuple[str, str]
"""A model's recorded name, and the fingerprint of its files."""
SHORTEST = 6
"""The fewest hexadecimal digits of a fingerprint in a label."""


def model_key(record: RunRecord) -> ModelKey:
    """Return what tells a run's model from others; of a checkpoint that was unlearned elsewhere, its base, if that is known."""
    return record.model, record.fingerprints.get("base") or record.fingerprints.get("model", "")


def model_labels(records: Iterable[RunRecord]) -> dict[ModelKey, str]:
    """Return a label for each model: its name, and where several have it, also the folder's name or the fingerprint's beginning.

    The folder's name is that of `model.path`, where each of the models has another: `local (A)` and `local (B)`.
    """
    folders: dict[str, dict[ModelKey, str]] = {}
    for record in records:
        own = folders.setdefault(record.model, {})
        own[model_key(record)] = min(own.get(model_key(record)) or _folder(record), _folder(record))
    return {key: label for same_name in folders.values() for key, label in _labels(same_name).items()}


def _folder(record: RunRecord) -> str:
    return PurePath(origin_folder(record.config)).name


def _labels(folders: Mapping[ModelKey, str]) -> dict[ModelKey, str]:
    if len(folders) == 1:
        return {key: key[0] for key in folders}
    if all(folders.values()) and len(set(folders.values())) == len(folders):
        return {key: f"{key[0]} ({folder})" for key, folder in folders.items()}
    prints = [fingerprint for _, fingerprint in folders]
    digits = next((n for n in range(SHORTEST, 16) if len({one[:n] for one in prints}) == len(prints)), 16)
    return {key: f"{key[0]} ({key[1][:digits]})" for key in folders}
