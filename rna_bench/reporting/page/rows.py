"""Records -> the page's table of runs: its columns, and one row for each run."""

from collections.abc import Sequence
from typing import NamedTuple

from rna_bench.core.types import CLEAN, RunRecord, Score
from rna_bench.reporting.statistics.frame import run_noise_scale, scored_trigger_types
from rna_bench.reporting.statistics.scores import (
    drop_beyond_control,
    final_forget_loss,
    forget_accuracy,
    has_role,
    mean_perturbed_accuracy,
    retain_accuracy,
)
from rna_bench.runs.collection import Recorded
from rna_bench.runs.labels import method_of_run, noise_of_run


class Column(NamedTuple):
    """A column: the row's key, its heading, its meaning, and whether it holds numbers."""

    key: str
    title: str
    meaning: str
    numeric: bool = False


class RunRow(NamedTuple):
    """A run in the table. Accuracies and points are in percent; None where the record has no such number."""

    id: str
    sweep: str
    sweeps: tuple[str, ...]
    model: str
    method: str
    noise: str
    scale: float
    settings: str
    seed: int
    status: str
    forget: float | None
    retain: float | None
    perturbed: float | None
    drop: float | None
    loss: float | None


COLUMNS = (
    Column("id", "run", "the run's identity; links to the run"),
    Column("sweep", "sweep", "the folder that the record is in; `pocket + 2`: and two more, and each lists it"),
    Column("model", "model", "the model that was unlearned"),
    Column("method", "method", "the unlearning method with its retain loss; none is the base model"),
    Column("noise", "noise", "scale and unit of the noise, with its kind where that is not RNA; - for the base model"),
    Column("settings", "settings", "settings that differ between runs of the same sweep and method"),
    Column("seed", "seed", "the run's seed", numeric=True),
    Column("status", "status", "how the run ended"),
    Column("forget", "forget", "accuracy on all forget questions, in percent; chance is 25", numeric=True),
    Column("retain", "retain", "accuracy on clean retain questions, in percent", numeric=True),
    Column("perturbed", "perturbed", "accuracy on retain questions with a trigger, mean over types, in percent", numeric=True),
    Column("drop", "drop", "drop beyond control: points that triggers cost beyond their controls, mean over types", numeric=True),
    Column("loss", "forget loss", "the method's forget loss at the last eval step", numeric=True),
)


def row_of(run: Recorded, sweeps: Sequence[str], settings: str, model: str) -> RunRow:
    """Return the row of a record, which is in these sweeps.

    `settings` are those that distinguish it from others of the first; `model` is its label.
    """
    record = run.record
    return RunRow(
        id=record.identity,
        sweep=f"{sweeps[0]} + {len(sweeps) - 1}" if len(sweeps) > 1 else sweeps[0],
        sweeps=tuple(sweeps),
        model=model,
        method=method_of_run(record.config, record.choices),
        noise=noise_of_run(record.config),
        scale=run_noise_scale(record),
        settings=settings,
        seed=record.config["seed"],
        status=record.status.value,
        forget=_two_places(forget_accuracy(record.scores) if has_role(record.scores, "forget") else None),
        retain=_two_places(clean_retain_accuracy(record.scores)),
        perturbed=_two_places(perturbed_accuracy(record, record.scores)),
        drop=_two_places(_mean_drop(record)),
        loss=final_forget_loss(record) if record.losses else None,
    )


def shown_columns(rows: Sequence[RunRow]) -> list[Column]:
    """Return the columns, without `settings` where no setting varies."""
    return [column for column in COLUMNS if column.key != "settings" or any(row.settings for row in rows)]


def clean_retain_accuracy(scores: Sequence[Score]) -> float | None:
    """Return the accuracy on clean retain questions, in percent; None without such questions."""
    return retain_accuracy(scores) if any(s.role == "retain" and s.perturbation == CLEAN for s in scores) else None


def perturbed_accuracy(record: RunRecord, scores: Sequence[Score]) -> float | None:
    """Return the perturbed accuracy, in percent, of scores of the record or of one of its eval points; None without triggers."""
    perturbations = {score.perturbation for score in scores}
    trigger_types = [one for one in scored_trigger_types([record]) if one.trigger in perturbations]
    return mean_perturbed_accuracy(scores, trigger_types) if trigger_types else None


def _mean_drop(record: RunRecord) -> float | None:
    drops = [drop_beyond_control(record.scores, one) for one in scored_trigger_types([record])]
    return sum(drops) / len(drops) if drops else None


def _two_places(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
