"""The records that tables come from, and which of them repeat another sweep's."""

from collections.abc import Iterator
from pathlib import Path

import pandas

from rna_bench.core.types import InputError, RunRecord
from rna_bench.reporting.statistics.models import model_key, model_labels
from rna_bench.runs.collection import Collection, Recorded, collect
from rna_bench.runs.labels import method_of_run

SOURCES = "sources.csv"


def sources_csv(collection: Collection) -> str:
    """Return CSV with a row for each record in the tables, and for each that is left out, with the reason.

    `also_in` names the folders beside this one that hold the same run.
    """
    models = model_labels(collection.records)
    beside = repeated(collection)
    rows = [_source(run, models[model_key(run.record)], beside.get(run.record.identity, "")) for run in collection.runs] + [
        {"folder": line.partition(": ")[0], "status": "left out", "reason": line.partition(": ")[2]} for line in collection.left_out
    ]
    return pandas.DataFrame(rows).fillna("").to_csv(index=False)


def _source(run: Recorded, model: str, also_in: str) -> dict[str, str]:
    record = run.record
    return {
        "identity": record.identity,
        "folder": run.folder.name,
        "model": model,
        "method": method_of_run(record.config, record.choices),
        "seed": str(record.config["seed"]),
        "status": record.status.value,
        "reason": record.reason,
        "schema_version": str(record.schema_version),
        "revision": revision(record),
        "also_in": also_in,
    }


def revision(record: RunRecord) -> str:
    """Return the commit of the code that made the record, with a plus where the tree was changed."""
    return str(record.provenance.get("revision")) + ("+" if record.provenance.get("changed") else "")


def repeated(collection: Collection) -> dict[str, str]:
    """Return, by identity, the names of the folders beside the collection's that hold the same run.

    The same run is one of the same identity, or one of the same model, questions, seed, losses and scores: sweeps may write one
    setting differently.
    """
    found: dict[str, list[str]] = {}
    wanted: dict[object, list[str]] = {}
    for record in collection.records:
        wanted.setdefault(_outcome(record), []).append(record.identity)
    own = {record.identity for record in collection.records}
    for name, record in _beside(collection.folder):
        for identity in {*wanted.get(_outcome(record), ()), *({record.identity} & own)}:
            found.setdefault(identity, []).append(name)
    return {identity: " ".join(dict.fromkeys(names)) for identity, names in found.items()}


def _outcome(record: RunRecord) -> object:
    fingerprints = record.fingerprints.get("model"), record.fingerprints.get("questions")
    return fingerprints, record.config["seed"], bool(record.scores) or record.identity, record.losses, record.scores


def _beside(folder: Path) -> Iterator[tuple[str, RunRecord]]:
    """Yield the records in the other folders of the same parent, each with its folder's name."""
    here = folder.resolve()
    for other in sorted(path for path in here.parent.iterdir() if path.is_dir() and path != here):
        try:
            records = collect(other).records
        except (InputError, OSError):
            continue  # no folder of records
        for record in records:
            yield other.name, record
