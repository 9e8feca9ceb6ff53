"""What bf16 does to forgetting and to noise on pocket, as a table of the records of `sweeps/pocket_bf16.yaml`.

python -m tests.benchmarks.bf16_pocket [FOLDER]
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from rna_bench.core.types import RunRecord, Score, TriggerType
from rna_bench.reporting.statistics.intervals import accuracy_interval, interval
from rna_bench.runs.collection import collect
from rna_bench.runs.identity import has_master_weights
from rna_bench.runs.labels import method_of_run, noise_of_run

RECORDS = Path(__file__).parents[2] / "results" / "paper_scale" / "pocket_bf16"
ORDER = ("float32", "bfloat16", "bfloat16 + masters")
FORGOTTEN = 0.4
"""The accuracy on forget questions at an eval step, from which on a run is said to have forgotten."""


def weights_of(record: RunRecord) -> str:
    """Return what was trained."""
    return record.config["model"]["dtype"] + (" + masters" if has_master_weights(record.config) else "")


def forget(scores: Sequence[Score]) -> float:
    """Return the mean accuracy on forget tasks, in percent."""
    return 100 * fmean(score.accuracy for score in scores if score.role == "forget")


def drop(record: RunRecord) -> float:
    """Return the mean over trigger types of what triggers cost more than their controls, in points of retain accuracy."""
    retain = {score.perturbation: score.accuracy for score in record.scores if score.role == "retain"}
    return 100 * fmean(retain[one.control] - retain[one.trigger] for one in TriggerType if one.trigger in retain)


def last_loss(record: RunRecord) -> float:
    """Return the forget loss of the last eval step; of a run that diverged NaN."""
    loss = record.eval_points[-1].forget_loss
    return math.nan if loss is None else loss


def forgotten_at(record: RunRecord) -> str:
    """Return the first eval step from which on the run has forgotten, or a dash."""
    after = [point.step for point in record.eval_points if forget(point.scores) > 100 * FORGOTTEN]
    steps = [point.step for point in record.eval_points if point.step > max(after, default=-1)]
    return str(steps[0]) if steps else "–"


def row(runs: Sequence[RunRecord]) -> str:
    """Return a line of the table for the seeds of one cell."""
    first = runs[0]
    n = sum(score.n for score in first.scores if score.role == "forget")
    retain = [next(s for s in run.scores if s.role == "retain" and s.perturbation == "clean") for run in runs]
    losses = interval([last_loss(run) for run in runs])
    cells = (
        method_of_run(first.config, first.choices),
        noise_of_run(first.config),
        weights_of(first),
        ", ".join(str(run.config["seed"]) for run in runs),
        accuracy_interval([forget(run.scores) for run in runs], n).text(),
        ", ".join(forgotten_at(run) for run in runs),
        losses.text(),
        accuracy_interval([100 * score.accuracy for score in retain], retain[0].n).text(),
        interval([drop(run) for run in runs]).text(),
    )
    return f"| {' | '.join(cells)} |"


def cells_of(folder: Path) -> dict[tuple[str, str, int], list[RunRecord]]:
    """Return the records of a folder by method, noise and what was trained, its number in `ORDER`; seeds in their order."""
    records = sorted(collect(folder).records, key=lambda record: record.config["seed"])
    cells: dict[tuple[str, str, int], list[RunRecord]] = {}
    for record in records:
        key = (method_of_run(record.config, record.choices), noise_of_run(record.config), ORDER.index(weights_of(record)))
        cells.setdefault(key, []).append(record)
    return {key: cells[key] for key in sorted(cells, key=lambda key: (key[0] != "rmu", *key[1:]))}


def table(folder: Path) -> str:
    """Return the table of the records of a folder, a row a cell of the sweep."""
    heads = ("method", "noise", "weights", "seeds", "forget", "forgotten at step", "forget loss", "retain", "drop beyond control")
    lines = [f"| {' | '.join(heads)} |", "|:--|:--|:--|:--|--:|:--|--:|--:|--:|"]
    return "\n".join([*lines, *map(row, cells_of(folder).values())])


def differences(folder: Path) -> str:
    """Return a line for each cell but those of fp32: seed by seed, its forget loss and its drop less those of fp32."""
    cells = cells_of(folder)
    lines = []
    for (method, noise, weights), runs in cells.items():
        exact = {run.config["seed"]: run for run in cells.get((method, noise, 0), [])}
        pairs = [(run, exact[run.config["seed"]]) for run in runs if run.config["seed"] in exact]
        if weights and pairs:
            losses = ", ".join(f"{last_loss(run) - last_loss(other):+.2f}" for run, other in pairs)
            drops = ", ".join(f"{drop(run) - drop(other):+.1f}" for run, other in pairs)
            lines.append(f"- {method}, noise {noise}, {ORDER[weights]}: forget loss {losses}; drop {drops}")
    return "\n".join(lines)


if __name__ == "__main__":
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    print(f"{table(given)}\n\n{differences(given)}")
