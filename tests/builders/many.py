"""Valid records in any number: published ones with another seed or setting, and the identity that follows from it."""

import shutil
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from rna_bench.runs import record
from rna_bench.runs.collection import Recorded, collect
from rna_bench.runs.identity import identity
from rna_bench.runs.integrity import file_hash

PUBLISHED = Path(__file__).parents[2] / "results" / "published"


def many(folder: Path, count: int) -> None:
    """Write `count` different records with their responses below `folder`, in sweeps of the published names."""
    runs = collect(PUBLISHED, deep=True).runs
    for number in range(count):
        copy, run = divmod(number, len(runs))
        _write(folder, runs[run], copy)


def _write(folder: Path, run: Recorded, copy: int) -> None:
    source = run.record
    config = deepcopy(source.config)
    if copy % 2:  # every second copy has another seed, the others another setting
        config["seed"] += 100 * copy
    elif copy and "noise" in config:
        config["train"]["retain_weight"] += copy
    elif copy:
        config["scoring"]["batch_tokens"] += copy
    write_copy(folder / run.folder.parent.name, run, config)


def write_copy(folder: Path, run: Recorded, config: Mapping[str, Any]) -> None:
    """Write a run's record with another configuration, the identity that follows and valid hashes, and its responses."""
    source, name = run.record, identity(config, run.record.fingerprints)
    there = folder / name
    there.mkdir(parents=True)
    shutil.copyfile(run.folder / record.QUESTIONS, there / record.QUESTIONS)
    hashes = {record.QUESTIONS: file_hash(there / record.QUESTIONS)}
    changed = replace(source, schema_version=record.SCHEMA_VERSION, config=config, identity=name, sha256=hashes)
    (there / record.RECORD).write_bytes(record._text(record._hashed(changed)))
