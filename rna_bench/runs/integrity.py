"""Whether a record is as it was written: the identity follows from its settings, and the hashes from its content."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rna_bench.runs.identity import identity
from rna_bench.runs.upgrade import IMPORT_PATHS, identity_then

HASHED = 5
"""The first schema with hashes. Earlier records are unsigned: only their identity can be checked on reading."""
RECORD = "record.json"
QUESTIONS = "questions.parquet"
DELTA = "delta.safetensors"
ATTACK = "attack-"
"""How the names of files of attacks begin."""
OTHER = "{} does not have the hash that it was written with"
OWN, MEASURED = "sha256", "measured"


def content_hash(values: Mapping[str, Any], file: str = RECORD) -> str:
    """Return the SHA-256 of a record's values, as JSON with sorted keys, without `measured` and the hash of its own `file`."""
    hashes = {name: digest for name, digest in values.get(OWN, {}).items() if name != file}
    kept = {name: value for name, value in values.items() if name not in (MEASURED, OWN)} | {OWN: hashes}
    return hashlib.sha256(_canonical(kept)).hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def delta_hash(path: Path) -> str:
    """Return the SHA-256 of a file of safetensors, "" if it is none.

    Its header is hashed with sorted keys: safetensors writes metadata in an order that changes from process to process.
    """
    with path.open("rb") as file:
        try:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        except (ValueError, MemoryError, OverflowError):
            return ""
        return hashlib.file_digest(file, lambda: hashlib.sha256(_canonical(header))).hexdigest()


def differences(values: Mapping[str, Any], folder: Path) -> list[str]:
    """Return what does not agree in a record's values, each in words: its identity, its content, its file of responses.

    A record of schema 1 to 3 has the identity that was computed then. A missing file is no difference.
    """
    return [*_identity_differences(values), *_hash_differences(values, folder)]


def file_differences(values: Mapping[str, Any], folder: Path) -> list[str]:
    """Return what is wrong with the files beside a record: responses that are missing, and trained tensors of another training.

    Trained tensors that are missing were not kept, or cleaned.
    """
    lines = [] if (folder / QUESTIONS).is_file() else [f"{QUESTIONS} is missing"]
    delta = folder / DELTA
    if has_hash(values) and delta.is_file() and values.get(OWN, {}).get(DELTA) != delta_hash(delta):
        lines.append(OTHER.format(DELTA))
    return lines


def has_hash(values: Mapping[str, Any]) -> bool:
    """Return whether a record has hashes, or should have."""
    return bool(values.get(OWN)) or values["schema_version"] >= HASHED


def _identity_differences(values: Mapping[str, Any]) -> list[str]:
    rule = identity_then if values["schema_version"] in IMPORT_PATHS else identity
    try:
        follows = rule(values["config"], values["fingerprints"])
    except (KeyError, TypeError, AttributeError) as error:  # a section of its config was removed
        return [f"its config gives no identity ({type(error).__name__}: {error})"]
    same = follows == values["identity"]
    return [] if same else [f"its config and fingerprints give identity {follows}, not {values['identity']}"]


def _hash_differences(values: Mapping[str, Any], folder: Path) -> list[str]:
    if not has_hash(values):
        return []
    hashes, questions = values.get(OWN, {}), folder / QUESTIONS
    lines = [] if hashes.get(RECORD) == content_hash(values) else [OTHER.format("its content")]
    if questions.is_file() and hashes.get(QUESTIONS) != file_hash(questions):
        lines.append(OTHER.format(QUESTIONS))
    return lines


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
