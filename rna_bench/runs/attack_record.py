"""Records of attacks on a run, beside the run's own: attack-NAME.json, and attack-NAME.parquet with each response."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rna_bench.core.files import unwritable, write_atomically
from rna_bench.core.types import InputError, Response
from rna_bench.runs.integrity import ATTACK, OTHER, OWN, content_hash, file_hash
from rna_bench.runs.record import LOGPS, RESPONSES
from rna_bench.runs.response_files import write_rows

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA_VERSION = 1
RETAUGHT = "retaught"
"""The role of questions about facts that an attack was trained on: never `forget`."""
LAYER = "layer "
"""How variants begin that read one layer each."""
COLUMNS = ("budget", "variant", "role", *(name for name in RESPONSES if name != "perturbation"))
"""The columns of a file of responses under attack; no question is perturbed."""


@dataclass(frozen=True)
class AttackScore:
    """Accuracy (0..1) on the questions of a task that have one role, after so much of the attack's `budget`.

    `role`: `forget` (the attack never saw them), `retaught` (it was trained on their facts), `retain`. `log_odds`: the mean
    log-odds of the right letter among the four, in nats; None where it is not finite. `variant` tells states of one budget apart.
    """

    attack: str
    task: str
    role: str
    budget: int
    variant: str
    accuracy: float
    stderr: float | None
    n: int
    log_odds: float | None


@dataclass(frozen=True)
class Found:
    """What an attack had found after so much of its budget, as a suffix for the prompt: plain values by name."""

    budget: int
    variant: str
    values: dict[str, Any]


@dataclass(frozen=True)
class AttackRecord:
    """An attack on a run, at its end or after a `step` of its training.

    `config` are the attack's settings, `retaught` the questions, by task, whose facts it was taught again. Only `measured` may
    differ between two attacks with the same settings on the same run. `sha256` has hashes by file name, that of the attacked
    trained tensors among them; the record's own omits `measured`. `sees_reference`: a diagnostic, to which the reference model's
    tensors were given.
    """

    schema_version: int
    run: str
    attack: str
    seed: int
    config: dict[str, Any]
    retaught: dict[str, tuple[str, ...]]
    scores: tuple[AttackScore, ...]
    provenance: dict[str, Any]
    measured: dict[str, Any]
    sha256: dict[str, str] = field(default_factory=dict)
    sees_reference: bool = False
    found: tuple[Found, ...] = ()  # left out of the file where there is nothing
    step: int | None = None


@dataclass(frozen=True)
class AttackResponse:
    """A response under attack, after so much of its budget; its role says whether its fact was taught again.

    Its log-probabilities are relative to the highest and have half precision, as they are stored: which letter is the likeliest,
    and the log-odds of the right one, are known, and how likely the four are together is not.
    """

    budget: int
    variant: str
    response: Response


def as_stored(response: Response) -> Response:
    """Return a response with its log-probabilities relative to the highest, in half precision; what was not finite stays so."""
    import numpy

    with numpy.errstate(invalid="ignore", over="ignore"):
        logps = numpy.asarray(response.logps)
        a, b, c, d = map(float, (logps - logps.max()).astype(numpy.float16))
    return replace(response, logps=(a, b, c, d))


def record_path(folder: Path, name: str, step: int | None = None) -> Path:
    """Return the path of the record of an attack on the run in a folder, at its end or after a step of its training."""
    return folder / _file_name(name, step)


def _file_name(attack: str, step: int | None) -> str:
    return f"{ATTACK}{attack}.json" if step is None else f"{ATTACK}{attack}-at-{step}.json"


def responses_path(record: Path) -> Path:
    """Return the path of the responses that belong to the record of an attack."""
    return record.with_suffix(".parquet")


def attack_paths(folder: Path) -> list[Path]:
    """Return the paths of the records of attacks on the run in a folder."""
    return sorted(folder.glob(f"{ATTACK}*.json"))


def clear_drafts(folder: Path) -> None:
    """Remove what a process left that was killed while it wrote the record of an attack."""
    for draft in folder.glob(f".{ATTACK}*"):
        draft.unlink(missing_ok=True)


def write_attack(folder: Path, record: AttackRecord, responses: Sequence[AttackResponse]) -> AttackRecord:
    """Write the responses and then the record into the run's folder, and return the record as written, with hashes."""
    rows = [
        (each.budget, each.variant, one.role, one.task, one.subject, one.question, *one.logps, one.correct)
        for each in responses
        for one in [each.response]
    ]
    types = dict.fromkeys(LOGPS, "float16") | {"budget": "int32", "answer": "int8"}
    path = record_path(folder, record.attack, record.step)
    beside = responses_path(path)
    try:
        write_rows(beside, COLUMNS, types, rows)
        hashed = replace(record, sha256={**record.sha256, beside.name: file_hash(beside)})
        own = content_hash(json.loads(_text(hashed)), path.name)
        signed = replace(hashed, sha256={**hashed.sha256, path.name: own})
        write_atomically(path, lambda draft: draft.write_bytes(_text(signed)))
    except OSError as error:
        raise unwritable(folder.parent, error) from error
    return signed


def read_attack(path: Path) -> AttackRecord:
    """Return the record of an attack; one that is damaged or was changed raises InputError."""
    record, values = parse_attack(path)
    if found := attack_differences(values, path):
        raise InputError("attack", path, f"was changed: {'; '.join(found)}; remove it and attack again")
    return record


def parse_attack(path: Path) -> tuple[AttackRecord, dict[str, Any]]:
    """Return the record of an attack, whether or not it was changed, and its values as they are written there."""
    from pydantic import ValidationError

    try:
        values = json.loads(path.read_bytes())
        if isinstance(values, dict) and values.get("schema_version", SCHEMA_VERSION) != SCHEMA_VERSION:
            remedy = f"in {path}: this version reads {SCHEMA_VERSION}; attack again, or use the version that wrote it"
            raise InputError("schema_version", values["schema_version"], remedy)
        return _adapter().validate_python(values), values
    except OSError as error:
        raise InputError("attack", path, f"cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        cause = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise InputError("attack", path, f"is not a valid record ({cause}); remove it and attack again") from error
    except ValueError as error:
        raise InputError("attack", path, f"is damaged ({' '.join(str(error).split())}); remove it and attack again") from error


def attack_differences(values: Mapping[str, Any], path: Path) -> list[str]:
    """Return in words what does not agree in the record of an attack: its name, its run, its content, its responses."""
    hashes, beside = values.get(OWN, {}), responses_path(path)
    lines = [] if values["run"] == path.resolve().parent.name else [f"belongs to run {values['run']}"]
    if path.name != _file_name(values["attack"], values.get("step")):
        lines.append(f"is of the attack {values['attack']}, and the file has another name")
    if hashes.get(path.name) != content_hash(values, path.name):
        lines.append(OTHER.format("its content"))
    if beside.is_file() and hashes.get(beside.name) != file_hash(beside):
        lines.append(OTHER.format(beside.name))
    return lines


def read_attack_responses(record: Path) -> list[AttackResponse]:
    """Return the responses that belong to the record of an attack."""
    return list(_responses(responses_path(record)))


def _responses(path: Path) -> Iterator[AttackResponse]:
    from pyarrow import parquet

    columns = parquet.read_table(path, use_threads=False).to_pydict()
    logps = zip(*(columns[name] for name in LOGPS), strict=True)
    others = (columns[name] for name in ("budget", "variant", "task", "role", "question", "answer", "subject"))
    for own, (budget, variant, task, role, question, answer, subject) in zip(logps, zip(*others, strict=True), strict=True):
        yield AttackResponse(budget, variant, Response(task, role, question, "clean", own, answer, subject))


def _text(record: AttackRecord) -> bytes:
    values = json.loads(_adapter().dump_json(record)) | {"config": record.config}
    if not record.found:
        del values["found"]
    if record.step is None:
        del values["step"]  # as in records from before attacks were tried along the run
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


@cache
def _adapter() -> "TypeAdapter[AttackRecord]":
    from pydantic import TypeAdapter

    return TypeAdapter(AttackRecord)
