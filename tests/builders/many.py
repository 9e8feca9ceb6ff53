"""Valid records by the hundred: published ones with another seed, or another setting, and the identity that follows."""

import shutil
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from rna_bench.runs import record
from rna_bench.runs.collection import Recorded, collect
from rna_bench.runs.identity import identity

PUBLISHED = Path(__file__).parents[2] / "results" / "published"


def many(folder: Path, count: int) -> None:
    """Write so many records below `folder`, in the published sweeps, with their answers; each is a run of its own."""
    runs = collect(PUBLISHED, deep=True).runs
    for number in range(count):
        copy, run = divmod(number, len(runs))
        _write(folder, runs[run], copy)


def _write(folder: Path, run: Recorded, copy: int) -> None:
    found = run.record
    config = deepcopy(found.config)
    if copy % 2:  # of every second copy the seed changes, and of the others how much is forgotten
        config["seed"] += 100 * copy
    elif copy and "noise" in config:
        config["train"]["retain_weight"] += copy
    elif copy:
        config["scoring"]["batch_tokens"] += copy
    name = identity(config, found.fingerprints)
    there = folder / run.folder.parent.name / name
    there.mkdir(parents=True)
    made = replace(found, config=config, identity=name)
    (there / record.RECORD).write_bytes(record._adapter().dump_json(made))
    shutil.copyfile(run.folder / record.QUESTIONS, there / record.QUESTIONS)
