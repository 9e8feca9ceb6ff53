"""The main tables: accuracy, what triggers cost, what noise changes, and each kind of trigger beside its control."""

from collections.abc import Callable, Sequence

from rna_bench.core.types import CLEAN, Score, TriggerType
from rna_bench.reporting.statistics.frame import Group, damage, forget_accuracy, pooled, task_accuracy
from rna_bench.reporting.statistics.intervals import Interval, interval
from rna_bench.reporting.statistics.pairs import difference, final_pairs, matched_pairs, twins
from rna_bench.reporting.tables.table import Row, Table, head


def accuracy_table(found: Sequence[Group], shown: Sequence[TriggerType]) -> Table:
    """Return accuracy by group: each task clean, and retain questions with each trigger in them."""
    tasks = list(dict.fromkeys(s.task for g in found for r in g.runs.values() for s in r.scores))
    rows: list[Row] = []
    for group in found:
        row = head(group)
        for task in tasks:
            have = [r.scores for r in group.runs.values() if any(s.task == task for s in r.scores)]
            row[task] = interval([task_accuracy(scores, task) for scores in have]) if have else ""
        for kind in shown:
            row[kind.trigger] = _mean(group, lambda s, kind=kind: pooled(s, kind.trigger), kind)
        row["forget loss"] = _final_loss(group)
        rows.append(row)
    note = "Accuracy in %, mean and half width of the 95% interval over seeds; chance is 25."
    if shown:
        note += (
            " `forget loss` is the last look's. From `"
            + "`, `".join(kind.trigger for kind in shown)
            + "` on: retain questions with a trigger there."
        )
    return Table("accuracy", "Accuracy", note, rows)


def damage_table(found: Sequence[Group], shown: Sequence[TriggerType]) -> Table:
    """Return, by group, what a trigger costs beyond what a harmless word or sentence in the same place costs."""
    rows: list[Row] = []
    for group in found:
        row = head(group)
        for kind in shown:
            row[kind.trigger] = _mean(group, damage(kind), kind)
        rows.append(row)
    note = "Points of accuracy that a trigger costs more than its harmless control in the same place. Claim 1 says: above 0."
    return Table("damage", "Damage by triggers", note, rows)


def repair_table(found: Sequence[Group], shown: Sequence[TriggerType]) -> Table:
    """Return, by group with noise, its difference from the twin without, seed by seed: at equal steps and at matched forgetting."""
    rows: list[Row] = []
    for group, twin in twins(found):
        for compared, pairs in (("steps", final_pairs(group, twin)), ("forgetting", matched_pairs(group, twin))):
            if not pairs:
                continue
            row = head(group) | {"at equal": compared}
            row["forget"] = (difference(pairs, forget_accuracy) if group.forgets and twin.forgets else None) or ""
            row["retain"] = difference(pairs, lambda s: pooled(s, CLEAN)) or ""
            for kind in shown:
                both = kind in group.kinds and kind in twin.kinds
                row[kind.trigger] = (difference(pairs, lambda s, kind=kind: pooled(s, kind.trigger)) if both else None) or ""
            rows.append(row)
    note = (
        "Accuracy with noise less accuracy without, in points, paired by seed. `steps`: the ends of both runs, all questions. "
        "`forgetting`: both runs where they first reach the same forget loss (the lowest that both reach), on the questions "
        "scored along the run (a subset), interpolated between looks. Claim 2 says: above 0 under the triggers, and not above "
        "0 under `forget`."
    )
    return Table("repair", "What the noise changes", note, rows)


def kinds_table(found: Sequence[Group], shown: Sequence[TriggerType]) -> Table:
    """Return, by group and kind of trigger, accuracy on retain questions clean, with the control and with the trigger."""
    rows = [_kind_row(group, kind) for group in found for kind in shown if kind in group.kinds]
    note = (
        "Accuracy on retain questions in %: clean, with a harmless control, and with the trigger in the same place. "
        "`lost`: what the trigger costs in all; `damage`: what it costs more than its control."
    )
    return Table("kinds", "By kind of trigger", note, rows, long=True)


def _kind_row(group: Group, kind: TriggerType) -> Row:
    def mean(measure: Callable[[Sequence[Score]], float]) -> Interval:
        return interval([measure(run.scores) for run in group.runs.values()])

    return head(group) | {
        "kind": kind.value,
        "clean": mean(lambda scores: pooled(scores, CLEAN)),
        "control": mean(lambda scores: pooled(scores, kind.control)),
        "trigger": mean(lambda scores: pooled(scores, kind.trigger)),
        "lost": mean(lambda scores: pooled(scores, CLEAN) - pooled(scores, kind.trigger)),
        "damage": mean(damage(kind)),
    }


def _mean(group: Group, measure: Callable[[Sequence[Score]], float], kind: TriggerType) -> Interval | str:
    return interval([measure(run.scores) for run in group.runs.values()]) if kind in group.kinds else ""


def _final_loss(group: Group) -> Interval | str:
    looks = [run.eval_points[-1].forget_loss for run in group.runs.values() if run.eval_points]
    losses = [loss for loss in looks if loss is not None]
    return interval(losses) if losses else ""
