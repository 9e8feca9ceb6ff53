"""Records -> tables in Markdown, CSV and LaTeX. Everything in a table comes from the records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rna_bench.core.files import write_atomically
from rna_bench.core.types import InputError, RunRecord, TriggerType
from rna_bench.reporting.statistics.attacks import read_recovered_runs
from rna_bench.reporting.statistics.calibration import Calibration, read_calibrations
from rna_bench.reporting.statistics.claim import Claim, claims_text
from rna_bench.reporting.statistics.frame import Group, failed_groups, grouped, named_failures
from rna_bench.reporting.statistics.pairs import baseline_pairs
from rna_bench.reporting.statistics.responses import ResponseMatrices, ResponseMatrix, read_response_matrices
from rna_bench.reporting.statistics.rules import FORGOTTEN
from rna_bench.reporting.statistics.verdicts import claims
from rna_bench.reporting.tables.attacks import attacks_table
from rna_bench.reporting.tables.attacks_along import attacks_along_table
from rna_bench.reporting.tables.calibrations import calibration_table
from rna_bench.reporting.tables.comparisons import comparison_tables
from rna_bench.reporting.tables.curves import curve_tables
from rna_bench.reporting.tables.generations import generation_table
from rna_bench.reporting.tables.main_tables import accuracy_table, drop_table, robustness_gain_table, trigger_types_table
from rna_bench.reporting.tables.methods import NAME as METHODS
from rna_bench.reporting.tables.methods import methods_table
from rna_bench.reporting.tables.paper import against
from rna_bench.reporting.tables.sources import SOURCES, revision, sources_csv
from rna_bench.reporting.tables.subjects import subjects_table
from rna_bench.reporting.tables.table import Table, csv, latex, markdown
from rna_bench.runs.collection import Collection, Recorded, collect, report_left_out

WHOLE = "tables.md"


@dataclass(frozen=True)
class Findings:
    """All that is said of a folder of records: tables, claims, tables beside a paper's numbers, and where it comes from.

    `first` says which method to use, before the claims; `words` stand in place of tables beside a paper's numbers.
    """

    collection: Collection
    first: Sequence[Table]
    claims: Sequence[Claim]
    others: Sequence[Table]
    words: str
    footer: str

    @property
    def text(self) -> str:
        """All of it in Markdown."""
        parts = [*map(markdown, self.first), claims_text(self.claims), *map(markdown, self.others), self.words, self.footer]
        return "\n\n".join(part for part in parts if part) + "\n"


def write_tables(folder: Path, out: Path, paper: Path | None = None) -> str:
    """Write the tables of a folder's records below `out`, and return them in Markdown; arguments are those of `find_out`."""
    found = find_out(folder, paper)
    write_findings(found, out)
    return found.text


def find_out(folder: Path, paper: Path | None = None) -> Findings:
    """Return the findings of a folder's records; `paper` is a folder of reference numbers to compare with."""
    collection = collect(folder, deep=True)
    report_left_out(collection)
    groups, failed = grouped(collection.records), failed_groups(collection.records)
    matrices = _compared_responses(groups, collection.runs)
    recovered = read_recovered_runs(collection.runs)
    tables = tables_of(groups, matrices.by_run, failed, read_calibrations(collection.runs))
    under_attack = [attacks_table(groups, recovered.by_run), attacks_along_table(groups, recovered.by_run)]
    tables += [table for table in under_attack if table.rows]
    beside, words = against(groups, paper) if paper else ([], "")
    footer = _footer(collection, [*matrices.left_out, *recovered.left_out], tables, options=" --paper" if paper else "")
    said = claims(groups, collection.records, str(folder))
    first = [table for table in tables if table.name == METHODS]
    others = [table for table in tables if table.name != METHODS]
    return Findings(collection, first, said, [*others, *beside], words, footer)


def write_findings(found: Findings, out: Path) -> None:
    """Write the findings below `out`: all in Markdown, each table in CSV and LaTeX, and the records that they come from."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write(out / WHOLE, found.text)
        _write(out / SOURCES, sources_csv(found.collection))
        for table in [*found.first, *found.others]:
            _write(out / f"{table.name}.csv", csv(table))
            _write(out / f"{table.name}.tex", latex(table, found.footer))
    except OSError as error:
        raise InputError("--out", out, f"cannot be written to ({error.strerror}); choose another folder") from error


def build_tables(records: Sequence[RunRecord]) -> list[Table]:
    """Return the tables that have rows, from records alone, without responses to single questions."""
    return tables_of(grouped(records), {}, failed_groups(records))


def tables_of(
    groups: Sequence[Group],
    matrices: Mapping[str, ResponseMatrix],
    failed: Sequence[Group] = (),
    calibrations: Mapping[str, Calibration] = MappingProxyType({}),
) -> list[Table]:
    """Return the tables that have rows, from groups, and from response matrices and calibrations by the run's identity.

    `failed` are named.
    """
    shown = [one for one in TriggerType if any(one in group.trigger_types for group in groups)]
    tables = [methods_table(groups), accuracy_table(groups, shown, failed), calibration_table(groups, calibrations, shown)]
    if shown and any(group.unlearned for group in groups):
        tables += [drop_table(groups, shown), robustness_gain_table(groups, shown), trigger_types_table(groups, shown)]
        tables += comparison_tables(groups, matrices, FORGOTTEN)
    tables += [*curve_tables(groups, shown), subjects_table(groups, shown), generation_table(groups)]
    return [table for table in tables if table.rows]


def _compared_responses(groups: Sequence[Group], runs: Sequence[Recorded]) -> ResponseMatrices:
    """Return the responses of runs that are compared; reading the others too would take most of the time."""
    compared = {run.identity for pair in baseline_pairs(groups) for group in pair for run in group.runs.values()}
    return read_response_matrices(run for run in runs if run.record.identity in compared)


def _footer(collection: Collection, unread: Sequence[str], tables: Sequence[Table], *, options: str) -> str:
    """Return where the tables come from, and which runs are missing from them."""
    records, folder = collection.records, collection.folder
    revisions = sorted({_short(revision(record)) for record in records})
    lines = [
        f"From {len(records)} records in `{folder}` (identities in `{SOURCES}`), code revision {', '.join(revisions)}; "
        f"`rna-bench tables {folder}{options}`."
    ]
    lines += named_failures(records)
    lines += [f"**Left out: {line}.**" for line in (*collection.left_out, *unread)]
    dtypes = sorted({str(record.config["model"]["dtype"]) for record in records})
    if len(dtypes) > 1:
        lines.append(f"Rows of different dtype ({', '.join(dtypes)}) are not comparable: dtype is part of the algorithm.")
    if not any(table.name == "subjects" for table in tables):
        lines.append(
            "No table by subject: no record has scores by subject (those of schema version 1, and of a single subject, have none)."
        )
    return "\n".join(lines)


def _short(revision: str) -> str:
    return revision[:10] + ("+" if revision.endswith("+") else "")


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda draft: draft.write_text(text, encoding="utf-8"))
