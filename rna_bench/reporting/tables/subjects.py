"""The table of accuracy by subject and category."""

from collections.abc import Sequence

from rna_bench.core.types import CLEAN, TriggerType
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import interval
from rna_bench.reporting.tables.table import Row, Table, head


def subjects_table(found: Sequence[Group], shown: Sequence[TriggerType]) -> Table:
    """Return, by group, accuracy on each subject and category of a task: clean, and with each trigger in its questions."""
    perturbations = [CLEAN, *(kind.trigger for kind in shown)]
    note = "Accuracy in % by subject and by category of subjects, mean and half width of the 95% interval over seeds."
    return Table("subjects", "By subject", note, [row for group in found for row in _rows(group, perturbations)], long=True)


def _rows(group: Group, perturbations: Sequence[str]) -> list[Row]:
    values: dict[tuple[str, str], dict[str, list[float]]] = {}
    for run in group.runs.values():
        for score in run.breakdown:
            values.setdefault((score.task, score.group), {}).setdefault(score.perturbation, []).append(100 * score.accuracy)
    return [
        head(group)
        | {"task": task, "subject": subject}
        | {perturbation: interval(seen[perturbation]) if perturbation in seen else "" for perturbation in perturbations}
        for (task, subject), seen in values.items()
    ]
