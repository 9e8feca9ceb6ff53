"""Records -> tables in Markdown, CSV and LaTeX. Nothing in a table comes from anywhere but a record."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pandas

from rna_bench.reporting.frame import (
    Group,
    damage,
    forget_accuracy,
    groups,
    pooled,
    task_accuracy,
)
from rna_bench.reporting.pairs import difference, final_pairs, matched_pairs
from rna_bench.reporting.statistics import Interval, interval
from rna_bench.reporting.verdicts import claims
from rna_bench.runs.collection import Collection, collect
from rna_bench.schema import CLEAN, InputError, Kind, RunRecord, Score, Status

Row: TypeAlias = dict[str, str | Interval]


@dataclass(frozen=True)
class Table:
    """A table: intervals are formatted last, so that CSV keeps them as numbers."""

    name: str
    title: str
    note: str
    rows: list[Row]


def write_tables(folder: Path, out: Path) -> str:
    """Build the tables of a folder's records, write them below `out`, and return the Markdown."""
    collection = collect(folder)
    records = collection.records
    made = build_tables(records)
    text = "\n\n".join([*map(_markdown, made), claims(groups(records)), _footer(collection)]) + "\n"
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write(out / "tables.md", text)
        for table in made:
            _write(out / f"{table.name}.csv", _frame(table, _numbers).to_csv(index=False))
            _write(out / f"{table.name}.tex", _latex(table))
    except OSError as error:
        raise InputError("--out", out, f"cannot be written to ({error.strerror}); choose another folder") from error
    return text


def build_tables(records: Sequence[RunRecord]) -> list[Table]:
    """Return the tables that the records have something to say in."""
    found = groups(records)
    if not found:
        raise InputError("results", "", "no run finished: all diverged or collapsed; look at their records")
    shown = [kind for kind in Kind if any(kind in group.kinds for group in found)]
    made = [accuracy_table(found, shown)]
    if shown and any(group.unlearned for group in found):
        made.append(damage_table(found, shown))
        made.append(repair_table(found, shown))
    return [table for table in made if table.rows]


def accuracy_table(found: Sequence[Group], shown: Sequence[Kind]) -> Table:
    """Return accuracy by group: each task clean, and retain questions with each trigger in them."""
    tasks = list(dict.fromkeys(s.task for g in found for r in g.runs.values() for s in r.scores))
    rows: list[Row] = []
    for group in found:
        row = _head(group)
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


def damage_table(found: Sequence[Group], shown: Sequence[Kind]) -> Table:
    """Return, by group, what a trigger costs beyond what a harmless word or sentence in the same place costs."""
    rows: list[Row] = []
    for group in found:
        row = _head(group)
        for kind in shown:
            row[kind.trigger] = _mean(group, damage(kind), kind)
        rows.append(row)
    note = "Points of accuracy that a trigger costs more than its harmless control in the same place. Claim 1 says: above 0."
    return Table("damage", "Damage by triggers", note, rows)


def repair_table(found: Sequence[Group], shown: Sequence[Kind]) -> Table:
    """Return, by group with noise, its difference from the twin without, seed by seed: at equal steps and at matched forgetting."""
    plain = {group.twin: group for group in found if group.unlearned and group.scale == 0}
    rows: list[Row] = []
    for group in found:
        twin = plain.get(group.twin)
        if twin is None or not group.unlearned or group.scale <= 0:
            continue
        for compared, pairs in (("steps", final_pairs(group, twin)), ("forgetting", matched_pairs(group, twin))):
            if not pairs:
                continue
            row = _head(group) | {"at equal": compared}
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


def _mean(group: Group, measure: Callable[[Sequence[Score]], float], kind: Kind) -> Interval | str:
    return interval([measure(run.scores) for run in group.runs.values()]) if kind in group.kinds else ""


def _final_loss(group: Group) -> Interval | str:
    looks = [run.trajectory[-1].forget_loss for run in group.runs.values() if run.trajectory]
    losses = [loss for loss in looks if loss is not None]
    return interval(losses) if losses else ""


def _head(group: Group) -> Row:
    head: Row = {"model": group.model, "dtype": group.dtype, "method": group.method}
    if group.settings:
        head["settings"] = group.settings
    return head | {"noise": group.noise, "seeds": str(len(group.runs))}


def _frame(table: Table, show: Callable[[Row], dict[str, str | float]]) -> pandas.DataFrame:
    return pandas.DataFrame([show(row) for row in table.rows]).fillna("")


def _words(row: Row) -> dict[str, str | float]:
    """Return the row as it is read: 97.3 ± 1.2."""
    return {key: _shown(value) if isinstance(value, Interval) else value for key, value in row.items()}


def _shown(value: Interval) -> str:
    return f"{value.mean:.1f}" if value.half is None else f"{value.mean:.1f} ± {value.half:.1f}"


def _numbers(row: Row) -> dict[str, str | float]:
    """Return the row as numbers: mean, half width and n of each interval in columns of their own."""
    flat: dict[str, str | float] = {}
    for key, value in row.items():
        if isinstance(value, Interval):
            half = "" if value.half is None else value.half
            flat |= {key: value.mean, f"{key} half width": half, f"{key} n": value.n}
        else:
            flat[key] = value
    return flat


def _markdown(table: Table) -> str:
    return f"## {table.title}\n\n{_frame(table, _words).to_markdown(index=False, disable_numparse=True)}\n\n{table.note}"


def _latex(table: Table) -> str:
    frame = _frame(table, _words).map(lambda value: _escaped(str(value)))
    frame.columns = [_escaped(column) for column in frame.columns]
    return frame.to_latex(index=False, caption=_escaped(table.note.replace("`", "")))


def _escaped(text: str) -> str:
    """Return the text with LaTeX's special characters escaped."""
    text = text.replace("\\", r"\textbackslash ")
    for character in "&%$#_{}":
        text = text.replace(character, f"\\{character}")
    return text.replace("~", r"\textasciitilde ").replace("^", r"\textasciicircum ").replace("±", r"$\pm$")


def _footer(collection: Collection) -> str:
    """Return where the tables come from, and which runs are not in them."""
    records, folder = collection.records, collection.folder
    revisions = sorted({str(record.provenance.get("revision"))[:10] for record in records})
    lines = [f"From {len(records)} records in `{folder}`, code revision {', '.join(revisions)}; `rna-bench tables {folder}`."]
    lines += [
        f"Left out: {record.identity} ({record.status.value}: {record.reason})."
        for record in records
        if record.status is not Status.finished
    ]
    lines += [f"**Left out: {line}.**" for line in collection.left_out]
    dtypes = sorted({str(record.config["model"]["dtype"]) for record in records})
    if len(dtypes) > 1:
        lines.append(f"Rows of different dtype ({', '.join(dtypes)}) are not comparable: dtype is part of the algorithm.")
    return "\n".join(lines)


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
