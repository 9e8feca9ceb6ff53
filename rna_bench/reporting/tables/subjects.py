"""The table of accuracy by subject and category."""

from collections.abc import Sequence

from rna_bench.core.types import CLEAN, Score, TriggerType
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import SHOWN
from rna_bench.reporting.statistics.pairs import score_interval
from rna_bench.reporting.tables.table import Table, TableRow, group_cells


def subjects_table(groups: Sequence[Group], shown: Sequence[TriggerType]) -> Table:
    """Return, by group, accuracy on each subject and category of a task: clean, and with each type of trigger."""
    perturbations = [CLEAN, *(one.trigger for one in shown)]
    note = f"Accuracy in % by subject and by category of subjects. {SHOWN}"
    return Table("subjects", "By subject", note, [row for group in groups for row in _rows(group, perturbations)], long=True)


def _rows(group: Group, perturbations: Sequence[str]) -> list[TableRow]:
    scores: dict[tuple[str, str], dict[str, list[Score]]] = {}
    for run in group.runs.values():
        for score in run.breakdown:
            scores.setdefault((score.task, score.group), {}).setdefault(score.perturbation, []).append(score)
    return [
        group_cells(group)
        | {"task": task, "subject": subject}
        | {perturbation: score_interval(by[perturbation]) if perturbation in by else "" for perturbation in perturbations}
        for (task, subject), by in scores.items()
    ]
