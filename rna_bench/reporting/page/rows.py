"""Records -> the page's table of runs: one row a run, and the columns that it has."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rna_bench.core.types import CLEAN, RunRecord, Score
from rna_bench.reporting.statistics.frame import damage, forget_accuracy, kinds, pooled
from rna_bench.runs.collection import Recorded


class Column(NamedTuple):
    """A column: the row's key, its heading, what it means, and whether it holds numbers."""

    key: str
    title: str
    meaning: str
    numeric: bool = False


class Row(NamedTuple):
    """A run in the table. Accuracies and points are in percent; None where the record has no such number."""

    id: str
    sweep: str
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
    damage: float | None
    loss: float | None


COLUMNS = (
    Column("id", "run", "the run's identity; opens its own page"),
    Column("sweep", "sweep", "the folder that the record lies in"),
    Column("model", "model", "the model that was unlearned"),
    Column("method", "method", "the unlearning method; none is the model as it was"),
    Column("noise", "noise", "scale of the noise added to retain inputs; - where nothing was unlearned"),
    Column("settings", "settings", "settings that differ between runs of the same sweep and method"),
    Column("seed", "seed", "the run's seed", numeric=True),
    Column("status", "status", "how the run ended"),
    Column("forget", "forget", "accuracy on all forget questions, in percent; chance is 25", numeric=True),
    Column("retain", "retain", "accuracy on clean retain questions, in percent", numeric=True),
    Column("perturbed", "perturbed", "accuracy on retain questions with a trigger, mean over kinds, in percent", numeric=True),
    Column("damage", "damage", "points lost to triggers beyond their harmless controls, mean over kinds", numeric=True),
    Column("loss", "forget loss", "the method's forget loss at the last look", numeric=True),
)


def row_of(run: Recorded, sweep: str, settings: str) -> Row:
    """Return the row of a record. `settings` are those that tell it from others of its sweep."""
    record = run.record
    return Row(
        id=record.identity,
        sweep=sweep,
        model=record.model,
        method=record.choices.get("method", "?"),
        noise=_noise(record.config.get("noise")),
        scale=float((record.config.get("noise") or {}).get("scale", -1)),
        settings=settings,
        seed=record.config["seed"],
        status=record.status.value,
        forget=_rounded(forget_accuracy(record.scores) if any(s.role == "forget" for s in record.scores) else None),
        retain=_rounded(retained(record.scores)),
        perturbed=_rounded(perturbed(record)),
        damage=_rounded(_damage(record)),
        loss=record.eval_points[-1].forget_loss if record.eval_points and record.losses else None,
    )


def shown_columns(rows: Sequence[Row]) -> list[Column]:
    """Return the columns that say something: without a setting that varies there is no `settings`."""
    return [column for column in COLUMNS if column.key != "settings" or any(row.settings for row in rows)]


def retained(scores: Sequence[Score]) -> float | None:
    """Return the accuracy on clean retain questions, in percent."""
    return pooled(scores, CLEAN) if any(s.role == "retain" and s.perturbation == CLEAN for s in scores) else None


def perturbed(record: RunRecord, scores: Sequence[Score] | None = None) -> float | None:
    """Return the accuracy on retain questions under triggers, mean over kinds, in percent; of a look's `scores`, if given."""
    found = record.scores if scores is None else scores
    values = [pooled(found, kind.trigger) for kind in kinds([record]) if any(s.perturbation == kind.trigger for s in found)]
    return sum(values) / len(values) if values else None


def _damage(record: RunRecord) -> float | None:
    values = [damage(kind)(record.scores) for kind in kinds([record])]
    return sum(values) / len(values) if values else None


def _noise(section: Mapping[str, object] | None) -> str:
    if not section:
        return "-"
    return f"{float(str(section['scale'])):g} {section['unit']}" if section.get("scale") else "0"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
