"""Run records: provenance, and JSON and Parquet files that are written atomically."""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.metadata import version
from itertools import count
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any

from rna_bench.core.files import unwritable, write_atomically
from rna_bench.core.types import InputError, Response, RunRecord
from rna_bench.runs.integrity import ATTACK, DELTA, QUESTIONS, RECORD, content_hash, differences, file_hash
from rna_bench.runs.response_files import write_rows
from rna_bench.runs.upgrade import IMPORT_PATHS, upgraded

if TYPE_CHECKING:
    from pyarrow import Table
    from pydantic import TypeAdapter

SCHEMA_VERSION = 5
READABLE = (1, 2, 3, 4, 5)
"""1 had no scores by subject, and no ties; 2 had no hidden norms; 3 had identities with import paths in them; 4 had no hashes."""
HEAD = re.compile(rb'\s*\{\s*"schema_version"\s*:\s*(\d+)')
LOGPS = ("logp_a", "logp_b", "logp_c", "logp_d")
RESPONSES = ("task", "subject", "question", "perturbation", *LOGPS, "answer")
"""The columns of a file of responses."""
PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "rna_bench")


@cache
def provenance() -> dict[str, Any]:
    """Return the code's git revision (None outside a clone), whether there are uncommitted changes, and package versions.

    They are those of the first call in a process: loaded code stays the same, whatever is edited or committed meanwhile.
    """
    revision = _git("rev-parse", "HEAD")
    changed = bool(_git("status", "--porcelain", "--untracked-files=no")) if revision else None
    packages = {name: version(name) for name in PACKAGES}
    return {"revision": revision, "changed": changed, "python": python_version(), "packages": packages}


@cache
def code_state() -> str:
    """Return sixteen hexadecimal digits that identify the code, with its uncommitted changes, and the package versions."""
    state = json.dumps(provenance(), sort_keys=True) + str(_git("diff", "HEAD"))
    return hashlib.sha256(state.encode()).hexdigest()[:16]


def _git(*arguments: str) -> str | None:
    clone = Path(__file__).parents[2]
    if not (clone / ".git").exists():
        return None
    done = subprocess.run(["git", "-C", str(clone), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def write(folder: Path, record: RunRecord, responses: Iterable[Response], delta: str | None = None) -> RunRecord:
    """Write the responses and then the record, and return it as written, with hashes: a folder with a record is a finished run.

    `delta` is the hash of the trained tensors, which may be kept or not.
    """
    rows = [(one.task, one.subject, one.question, one.perturbation, *one.logps, one.correct) for one in responses]
    types = dict.fromkeys(LOGPS, "float32") | {"answer": "int8"}
    _text(record)  # what cannot be written raises before anything is
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_rows(folder / QUESTIONS, RESPONSES, types, rows)
        hashes = {QUESTIONS: file_hash(folder / QUESTIONS)} | ({DELTA: delta} if delta else {})
        hashed = _hashed(replace(record, sha256=hashes))
        write_atomically(folder / RECORD, lambda path: path.write_bytes(_text(hashed)))
    except OSError as error:
        raise unwritable(folder.parent, error) from error
    return hashed


def set_aside(folder: Path) -> str:
    """Rename the files of a record that is not used, so that a new one can be written; return its new name, "" without a record."""
    if not (folder / RECORD).exists():
        return ""
    names = (*(path.name for path in folder.glob(f"{ATTACK}*[!0-9]")), QUESTIONS, DELTA, RECORD)
    number = next(n for n in count(1) if not any((folder / _aside(name, n)).exists() for name in names))
    for name in names:
        if (folder / name).exists():
            (folder / name).rename(folder / _aside(name, number))
    return _aside(RECORD, number)


def _aside(name: str, number: int) -> str:
    return f"{name}.aside-{number}"


def _hashed(record: RunRecord) -> RunRecord:
    return replace(record, sha256={**record.sha256, RECORD: content_hash(json.loads(_text(record)))})


def _text(record: RunRecord) -> bytes:
    """Return the record as one line of JSON. Infinite numbers in its config stay what they are: they are part of the identity."""
    values = json.loads(_adapter().dump_json(record)) | {"config": record.config}
    for score in _written_scores(values):
        if score["population"] is None:  # earlier records have none, and one that is made again stays the same
            del score["population"]
    if not record.pairings:
        del values["pairings"]
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _written_scores(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for scores in (values["scores"], values["breakdown"], *(point["scores"] for point in values["eval_points"])):
        yield from scores


def read_responses(path: Path, columns: Sequence[str] = RESPONSES, *, coded: Sequence[str] = ()) -> "Table":
    """Return columns of a run's responses, those that its file has; `coded` ones as indices into their distinct values.

    In files of schemas 1 to 3 the column `perturbation` is called `form`; files of schema 1 have no subjects.
    """
    from pyarrow import parquet

    names = parquet.read_schema(path).names
    old = {"perturbation": "form"} if "form" in names else {}
    present = [column for column in columns if old.get(column, column) in names]
    file = parquet.ParquetFile(path, read_dictionary=[old.get(column, column) for column in coded])
    return file.read([old.get(column, column) for column in present], use_threads=False).rename_columns(present)


@dataclass(frozen=True)
class RunSummary:
    """How a run went, read from its record without parsing all of its numbers."""

    status: str
    reason: str
    revision: str | None
    changed: bool | None
    seconds: float


def read_summary(folder: Path) -> RunSummary | None:
    """Return how the run in a folder went, None if it has no record; a truncated record or one of another run raises InputError."""
    path = folder / RECORD
    try:
        values = json.loads(path.read_bytes())
        _check(values, path, folder.name)
        code, seconds = values["provenance"], sum(values["measured"].get("seconds", {}).values())
        return RunSummary(values["status"], values["reason"], code.get("revision"), code.get("changed"), seconds)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError("record", path, f"is damaged ({' '.join(str(error).split())})") from error


def read(path: Path, name: str | None = None) -> RunRecord:
    """Return the record in a file, upgraded if it has an earlier schema; a damaged or changed one raises InputError.

    `name` is the identity that it must have, that of its folder.
    """
    record, values = parse(path)
    _check(values, path, name)
    return record


def parse(path: Path) -> tuple[RunRecord, dict[str, Any]]:
    """Return the record in a file, whether or not it was changed, and its values as they are written there."""
    from pydantic import ValidationError

    try:
        text = path.read_bytes()
        record = _adapter().validate_json(text if _version(text) in READABLE[-2:] else _upgraded(text, path))
    except OSError as error:
        raise InputError("record", path, f"cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError("record", path, f"is not a valid record ({place}: {first['msg']}); remove it and run again") from error
    return record, json.loads(text)


def _check(values: Mapping[str, Any], path: Path, name: str | None) -> None:
    """Raise InputError unless a record's values are those that were written, of the run `name`."""
    if name and values["identity"] != name:
        raise InputError("record", path, f"belongs to run {values['identity']}; move it to that run's folder")
    found = differences(values, path.parent)
    if found:
        raise InputError("record", path, f"was changed: {'; '.join(found)}; see `rna-bench verify {path.parent}`")


def _version(text: bytes) -> int | None:
    """Return a record's schema version, its first field, without parsing the rest."""
    head = HEAD.match(text)
    return int(head[1]) if head else None


def _upgraded(text: bytes, path: Path) -> bytes:
    """Return the text of a record of an earlier schema in the present one; a text that is no such record is returned as it is."""
    try:
        values = json.loads(text)
        version = values["schema_version"]
        current = upgraded(values) if version in IMPORT_PATHS else values
    except (ValueError, KeyError, TypeError, AttributeError):
        return text
    if version not in READABLE:
        remedy = f"this version reads {READABLE[0]} to {READABLE[-1]}; run again, or use the version of rna_bench that wrote it"
        raise InputError("schema_version", version, f"in {path}: {remedy}")
    return json.dumps(current).encode()


def earlier(results_dir: Path) -> dict[str, str]:
    """Return the folders of records of earlier schemas by their present identity; unreadable ones are left out."""
    try:
        paths = [Path(entry.path) / RECORD for entry in os.scandir(results_dir) if entry.is_dir()]
    except OSError:
        return {}
    pairs = ((_identity_of(path, when), path.parent.name) for path in sorted(paths) if (when := _written_at(path)))
    return {identity: name for identity, name in pairs if identity}


def _written_at(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


@lru_cache(maxsize=4096)
def _identity_of(path: Path, when: int) -> str | None:
    """Return the present identity of a record of an earlier schema; `when` it was written is part of the cache's key."""
    try:
        with path.open("rb") as file:
            version = _version(file.read(100))
        return read(path, path.parent.name).identity if version in IMPORT_PATHS else None
    except (OSError, InputError):
        return None


@cache
def _adapter() -> "TypeAdapter[RunRecord]":
    from pydantic import TypeAdapter

    return TypeAdapter(RunRecord)
