"""Records -> tables in Markdown, CSV and LaTeX. Nothing in a table comes from anywhere but a record."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas

from rna_bench.core.files import write_atomically
from rna_bench.core.types import InputError, RunRecord, Status, TriggerType
from rna_bench.reporting.statistics.answers import Sheet, Sheets, read_sheets
from rna_bench.reporting.statistics.comparisons import comparison_tables
from rna_bench.reporting.statistics.frame import Group, groups
from rna_bench.reporting.statistics.pairs import twins
from rna_bench.reporting.statistics.verdicts import FORGOTTEN, claims
from rna_bench.reporting.tables.curves import curve_tables
from rna_bench.reporting.tables.main_tables import accuracy_table, damage_table, kinds_table, repair_table
from rna_bench.reporting.tables.paper import against
from rna_bench.reporting.tables.subjects import subjects_table
from rna_bench.reporting.tables.table import Table, csv, latex, markdown
from rna_bench.runs.collection import Collection, Recorded, collect

SOURCES = "sources.csv"


def write_tables(folder: Path, out: Path, paper: Path | None = None) -> str:
    """Build the tables of a folder's records, write them below `out`, and return the Markdown.

    `paper` is a folder of reference numbers to hold them against.
    """
    collection = collect(folder)
    found = groups(collection.records)
    sheets = _sheets(found, collection.runs)
    made = tables_of(found, sheets.found)
    held, words = against(found, paper) if paper else ([], "")
    footer = _footer(collection, sheets.left_out, made, asked=" --paper" if paper else "")
    parts = [*map(markdown, [*made, *held]), words, claims(found), footer]
    text = "\n\n".join(part for part in parts if part) + "\n"
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write(out / "tables.md", text)
        _write(out / SOURCES, _sources(collection))
        for table in [*made, *held]:
            _write(out / f"{table.name}.csv", csv(table))
            _write(out / f"{table.name}.tex", latex(table, footer))
    except OSError as error:
        raise InputError("--out", out, f"cannot be written to ({error.strerror}); choose another folder") from error
    return text


def build_tables(records: Sequence[RunRecord]) -> list[Table]:
    """Return the tables that the records alone have something to say in."""
    return tables_of(groups(records), {})


def tables_of(found: Sequence[Group], sheets: Mapping[str, Sheet]) -> list[Table]:
    """Return the tables that groups, and answers to single questions by identity, have something to say in."""
    if not found:
        raise InputError("results", "", "no run finished: all diverged or collapsed; look at their records")
    shown = [kind for kind in TriggerType if any(kind in group.kinds for group in found)]
    made = [accuracy_table(found, shown)]
    if shown and any(group.unlearned for group in found):
        made += [damage_table(found, shown), repair_table(found, shown), kinds_table(found, shown)]
        made += comparison_tables(found, sheets, FORGOTTEN)
    made += [*curve_tables(found, shown), subjects_table(found, shown)]
    return [table for table in made if table.rows]


def _sheets(found: Sequence[Group], runs: Sequence[Recorded]) -> Sheets:
    """Return the answers of runs that are compared, alone: it is them that take the time."""
    compared = {run.identity for pair in twins(found) for group in pair for run in group.runs.values()}
    return read_sheets(run for run in runs if run.record.identity in compared)


def _sources(collection: Collection) -> str:
    """Return a row for each record that the tables are made of, and for each left out, with the reason."""
    rows = [_source(run) for run in collection.runs] + [
        {"folder": line.partition(": ")[0], "status": "left out", "reason": line.partition(": ")[2]} for line in collection.left_out
    ]
    return pandas.DataFrame(rows).fillna("").to_csv(index=False)


def _source(run: Recorded) -> dict[str, str]:
    record = run.record
    return {
        "identity": record.identity,
        "folder": run.folder.name,
        "model": record.model,
        "method": record.choices["method"],
        "seed": str(record.config["seed"]),
        "status": record.status.value,
        "reason": record.reason,
        "schema_version": str(record.schema_version),
        "revision": _revision(record),
    }


def _revision(record: RunRecord) -> str:
    """Return the commit of the code that made the record, with a plus when the tree was changed."""
    return str(record.provenance.get("revision")) + ("+" if record.provenance.get("changed") else "")


def _footer(collection: Collection, unread: Sequence[str], made: Sequence[Table], *, asked: str) -> str:
    """Return where the tables come from, and which runs are not in them."""
    records, folder = collection.records, collection.folder
    revisions = sorted({_short(_revision(record)) for record in records})
    lines = [
        f"From {len(records)} records in `{folder}` (identities in `{SOURCES}`), code revision {', '.join(revisions)}; "
        f"`rna-bench tables {folder}{asked}`."
    ]
    lines += [
        f"Left out: {record.identity} ({record.status.value}: {record.reason})."
        for record in records
        if record.status is not Status.finished
    ]
    lines += [f"**Left out: {line}.**" for line in (*collection.left_out, *unread)]
    dtypes = sorted({str(record.config["model"]["dtype"]) for record in records})
    if len(dtypes) > 1:
        lines.append(f"Rows of different dtype ({', '.join(dtypes)}) are not comparable: dtype is part of the algorithm.")
    if not any(table.name == "subjects" for table in made):
        lines.append("No table by subject: no record has scores by subject (those of schema version 1, and of a single subject).")
    return "\n".join(lines)


def _short(revision: str) -> str:
    return revision[:10] + ("+" if revision.endswith("+") else "")


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda draft: draft.write_text(text, encoding="utf-8"))
