"""Runs by their folder, their identity, or the beginning of one; and where their trained tensors lie."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rna_bench.core.types import InputError, RunRecord, Status
from rna_bench.runs.collection import PLACES, Recorded, collect, find, record_paths, report_left_out
from rna_bench.runs.integrity import DELTA, RECORD, delta_hash
from rna_bench.runs.record import read

RETRAINED = Path("results/runs/.retrained")
"""Where trained tensors lie that were made again without their record: hidden, so that no record is looked for there."""
NAMED = 4
"""How many identities an ambiguous beginning is answered with."""


def find_run(name: str) -> Path:
    """Return the folder of a run: the named one, or that of the identity which begins so among your own or the published runs.

    An identity that lies in several folders has the same record in each; the first with trained tensors is taken.
    """
    if (Path(name) / RECORD).is_file():
        return Path(name)
    paths = [path.parent for place in PLACES for path in record_paths(place, deep=True) if path.parent.name.startswith(name)]
    identities = sorted({path.name for path in paths})
    if not identities:
        places = " or ".join(map(str, PLACES))
        raise InputError("run", name, f"is no folder of a run, and no identity in {places} begins so; the tables name identities")
    if len(identities) > 1:
        more = ", ..." if len(identities) > NAMED else ""
        shown = ", ".join(identities[:NAMED])
        raise InputError("run", name, f"is the beginning of {len(identities)} identities ({shown}{more}); give more of it")
    return next((path for path in paths if (path / DELTA).is_file()), paths[0])


def runs_named(names: Sequence[str]) -> list[Recorded]:
    """Return the runs that names stand for, each once: a folder of records, or its name, stands for all in it."""
    by_folder = {run.folder.resolve(): run for name in names for run in _runs(name)}
    return list(by_folder.values())


def _runs(name: str) -> Sequence[Recorded]:
    places = (Path(name), *(place / name for place in PLACES))
    if not (Path(name) / RECORD).is_file() and any(place.is_dir() and not (place / RECORD).is_file() for place in places):
        collection = collect(find(name), deep=True)
        report_left_out(collection)
        return collection.runs
    folder = find_run(name)
    return [Recorded(read(folder / RECORD, folder.resolve().name), folder)]


def find_delta(run: Path, record: RunRecord, deltas: Path | None = None) -> Path:
    """Return the file of a run's trained tensors; none, or one that is not the one its record names, is an error."""
    path = next(_deltas(run, record.identity, deltas), None)
    if path is None and record.status is Status.diverged:
        raise InputError("run", run, "diverged, so there are no trained tensors of it; name a run that finished")
    if path is None:
        remedy = "say --retrain to train it again, or --deltas FOLDER with the folder of a sweep that has them"
        raise InputError("run", run, f"has no {DELTA}, as published records and those of keep_delta=false; {remedy}")
    if RETRAINED not in path.parents and not is_recorded(path, record):
        raise InputError("run", run, f"{path} is not the one that its record names; remove it, or name another by --deltas")
    return path


def has_delta(run: Path, record: RunRecord, deltas: Path | None = None) -> bool:
    """Return whether there are trained tensors of a run."""
    return any(_deltas(run, record.identity, deltas))


def _deltas(run: Path, identity: str, named: Path | None) -> Iterator[Path]:
    """Yield the files of a run's trained tensors: beside its record, in or below `named`, among other runs, made again."""
    places = [*([named] if named else []), *PLACES]
    below = (folder for place in places for folder in (place / identity, *sorted(place.glob(f"[!.]*/{identity}"))))
    for folder in (run, *below, RETRAINED / identity):
        if (folder / DELTA).is_file():
            yield folder / DELTA


def is_recorded(delta: Path, record: RunRecord) -> bool:
    """Return whether trained tensors are those that a record names by their hash; earlier records name none."""
    expected = record.sha256.get(DELTA)
    return expected is None or expected == delta_hash(delta)
