"""The main tables: accuracy, trigger-induced drop, robustness gain, and each trigger type beside its control."""

from collections.abc import Sequence

from rna_bench.core.types import TriggerType
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import SHOWN, Interval
from rna_bench.reporting.statistics.pairs import (
    Pair,
    accuracy_over_seeds,
    baseline_pairs,
    difference,
    drop_over_seeds,
    final_forget_loss_over_seeds,
    final_pairs,
    matched_pairs,
    perplexity_over_seeds,
    task_over_seeds,
)
from rna_bench.reporting.statistics.scores import Measure, forget_accuracy, retain_accuracy, sample_sizes
from rna_bench.reporting.tables.table import COUNTED, Seeds, Table, TableRow, group_cells, reasons

SAMPLED = (
    "`questions`: the tasks of which a sample was asked, the same in each run, and how many of how many. Intervals over seeds hold "
    "for the questions asked, and `(q)` for other questions of their kind, without finite-population correction; how far a run's "
    "accuracy may be from that on all of a task's questions is the standard error (`stderr`) in its record, which has it."
)
"""How tables say that they rest on samples."""
GIVEN = (
    " `given`: questions as their dataset brings them perturbed; their control has a harmless word in place of the forget word. "
    "What was changed in which question is in the record (`pairings`)."
)
"""How tables explain the trigger type of questions that come perturbed."""


def accuracy_table(groups: Sequence[Group], shown: Sequence[TriggerType], failed: Sequence[Group] = ()) -> Table:
    """Return accuracy by group: each task clean, and retain questions under each trigger type; `failed` have a reason instead."""
    tasks = list(dict.fromkeys(s.task for g in groups for r in g.runs.values() for s in r.scores))
    rows: list[TableRow] = []
    for group in groups:
        row = group_cells(group)
        for task in tasks:
            row[task] = task_over_seeds(group, task) or ""
        row |= {one.trigger: _accuracy(group, one) for one in shown}
        row["forget loss"] = final_forget_loss_over_seeds(group) or ""
        row |= {"perplexity": measured} if (measured := perplexity_over_seeds(group)) else {}
        row |= {"questions": asked} if (asked := _sampled(group)) else {}
        rows.append(row)
    rows += [group_cells(group) | {"reason": reasons(group)} for group in failed]
    note = f"Accuracy in %; chance is 25. {SHOWN}"
    if shown:
        names = ", ".join(f"`{one.trigger}`" for one in shown)
        note += f" {names}: retain questions with a trigger there. `forget loss`: at the last eval step.{_given(shown)}"
    if failed or any(group.collapsed or group.uncounted for group in groups):
        note += f" {COUNTED}"
    if any("perplexity" in row for row in rows):
        note += " `perplexity`: of held-out retain text, which no run trains on; 1 is the least."
    if any("questions" in row for row in rows):
        note += f" {SAMPLED}"
    return Table("accuracy", "Accuracy", note, rows)


def _sampled(group: Group) -> str:
    """Return which samples of questions the group's runs were asked; "" where all were asked."""
    return "; ".join(dict.fromkeys(filter(None, (sample_sizes(run.scores) for run in group.runs.values()))))


def drop_table(groups: Sequence[Group], shown: Sequence[TriggerType]) -> Table:
    """Return, by group, the trigger-induced drop beyond that of a harmless word or sentence in the same place."""
    rows = [group_cells(group) | {one.trigger: _drop(group, _control(one), one) for one in shown} for group in groups]
    note = (
        "Drop beyond control: points of retain accuracy that a trigger costs more than its harmless control in the same place. "
        f"Claim 1 says: above 0.{_given(shown)}"
    )
    return Table("drop", "Trigger-induced drop", note, rows)


def robustness_gain_table(groups: Sequence[Group], shown: Sequence[TriggerType]) -> Table:
    """Return, by group with noise, the difference from its baseline seed by seed: at equal steps and at matched forgetting."""
    rows: list[TableRow] = []
    for group, baseline in baseline_pairs(groups):
        for equal, pairs in (("steps", final_pairs(group, baseline)), ("forgetting", matched_pairs(group, baseline))):
            if pairs:
                moment: TableRow = {"seeds": Seeds(len(pairs), 0, ()), "at equal": equal}
                rows.append(group_cells(group) | moment | _gains(group, baseline, pairs, shown))
    note = (
        "Accuracy with noise less that of the no-noise baseline, in points, paired by seed (`seeds`: how many pairs). `steps`: the "
        "ends of both runs, all questions. `forgetting`: both runs where they first reach the same forget loss (the lowest that "
        "both reach), on the questions scored along the run (a subset), interpolated between eval steps. Claim 2 says: above 0 "
        "under the triggers, and not above 0 under `forget`."
    )
    return Table("robustness_gain", "Robustness gain", note, rows)


def _gains(group: Group, baseline: Group, pairs: Sequence[Pair], shown: Sequence[TriggerType]) -> TableRow:
    forgets = group.forgets and baseline.forgets
    row: TableRow = {
        "forget": (difference(pairs, forget_accuracy, "forget") if forgets else None) or "",
        "retain": difference(pairs, retain_accuracy) or "",
    }
    for one in shown:
        both = one in group.trigger_types and one in baseline.trigger_types
        row[one.trigger] = (difference(pairs, _under(one)) if both else None) or ""
    return row


def trigger_types_table(groups: Sequence[Group], shown: Sequence[TriggerType]) -> Table:
    """Return, by group and trigger type, accuracy on retain questions clean, with the control and with the trigger."""
    rows = [_trigger_type_row(group, one) for group in groups for one in shown if one in group.trigger_types]
    note = (
        "Accuracy on retain questions in %: clean, with a harmless control, and with the trigger in the same place. "
        f"`drop`: clean less trigger; `drop beyond control`: control less trigger.{_given(shown)}"
    )
    return Table("trigger_types", "By trigger type", note, rows, long=True)


def _trigger_type_row(group: Group, trigger_type: TriggerType) -> TableRow:
    return group_cells(group) | {
        "trigger type": trigger_type.value,
        "clean": accuracy_over_seeds(group, retain_accuracy),
        "control": accuracy_over_seeds(group, _control(trigger_type)),
        "trigger": accuracy_over_seeds(group, _under(trigger_type)),
        "drop": _drop(group, retain_accuracy, trigger_type),
        "drop beyond control": _drop(group, _control(trigger_type), trigger_type),
    }


def _given(shown: Sequence[TriggerType]) -> str:
    return GIVEN if TriggerType.given in shown else ""


def _under(trigger_type: TriggerType) -> Measure:
    return lambda scores: retain_accuracy(scores, trigger_type.trigger)


def _control(trigger_type: TriggerType) -> Measure:
    return lambda scores: retain_accuracy(scores, trigger_type.control)


def _accuracy(group: Group, trigger_type: TriggerType) -> Interval | str:
    return accuracy_over_seeds(group, _under(trigger_type)) if trigger_type in group.trigger_types else ""


def _drop(group: Group, full: Measure, trigger_type: TriggerType) -> Interval | str:
    """Return the accuracy that `full` measures less that under the trigger."""
    return drop_over_seeds(group, full, _under(trigger_type)) if trigger_type in group.trigger_types else ""
