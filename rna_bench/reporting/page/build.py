"""The page: this package's template, style and scripts with the records' numbers."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from rna_bench.core.files import write_atomically
from rna_bench.core.types import InputError
from rna_bench.reporting.page.answer import Answer, answer
from rna_bench.reporting.page.attacks import AttackTable, attack_columns, attack_table, attack_values
from rna_bench.reporting.page.broken import broken_sections
from rna_bench.reporting.page.details import details
from rna_bench.reporting.page.rows import RunRow, row_of, shown_columns
from rna_bench.reporting.page.summary import ClaimSummary, claims_of
from rna_bench.reporting.statistics.attacks import RecoveredRun, read_recovered_runs
from rna_bench.reporting.statistics.claim import COUNTED
from rna_bench.reporting.statistics.frame import Group, counts, grouped
from rna_bench.reporting.statistics.models import ModelKey, model_key, model_labels
from rna_bench.reporting.statistics.verdicts import claims
from rna_bench.runs.collection import Collection, Recorded, collect, report_left_out

ASSETS = Path(str(files("rna_bench.reporting.page") / "assets"))
SCRIPTS = ("dom", "data", "table", "choice", "scale", "plot", "charts", "run", "flips", "compare", "address", "route", "main")
"""The scripts in the order in which they are concatenated to one module."""


class SweepSection(NamedTuple):
    """A folder of records: its name, its runs, which method to use, the verdicts on the claims, and what attacks recover."""

    name: str
    runs: tuple[Recorded, ...]
    answer: Answer
    claims: tuple[ClaimSummary, ...]
    settings: Mapping[str, str]
    """By identity, the settings that distinguish a run from others of the sweep."""
    attacks: AttackTable


def write_report(folder: Path, out: Path) -> str:
    """Write the page of the records below a folder atomically; return its path and size, and what is left out."""
    collection = collect(folder, deep=True)
    report_left_out(collection)
    text, lines = page_html(collection)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, lambda draft: draft.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise InputError("--out", out, f"cannot be written to ({error.strerror}); choose another file") from error
    return "\n".join([f"{out}: {len(collection.runs)} runs, {len(text.encode()) / 1e6:.2f} MB", *(f"left out: {x}" for x in lines)])


def page_html(collection: Collection) -> tuple[str, list[str]]:
    """Return the page, which depends on the records alone, and a line for each record or file that is left out."""
    recovered = read_recovered_runs(collection.runs)
    sweeps = _sweeps(collection, recovered.by_run)
    by_id = _rows(sweeps)
    rows = [by_id[run.record.identity] for run in collection.runs]
    of_attacks = attack_columns(recovered.by_run)
    columns = [*shown_columns(rows), *of_attacks]
    table = [row._asdict() | attack_values(recovered.by_run.get(row.id), recovered.by_run) for row in rows]
    all_details, unread = details(collection)
    core = {"columns": [column._asdict() for column in columns], "runs": table}
    broken, unreadable = broken_sections(collection)
    left_out = [*collection.left_out, *recovered.left_out, *unread, *unreadable]
    text = (
        _environment()
        .get_template("page.html.j2")
        .render(
            folder=collection.folder.as_posix(),
            revisions=sorted({str(run.record.provenance.get("revision"))[:10] for run in collection.runs}),
            sweeps=sweeps,
            most=max(sweeps, key=lambda sweep: sweep.answer.methods, default=None),
            counted=COUNTED,
            failed=[row for row, run in zip(rows, collection.runs, strict=True) if not counts(run.record)],
            left_out=left_out,
            columns=columns,
            rows=rows,
            table=table,
            broken=broken,
            core=_json(core),
            details=_json(all_details),
            **_parts(),
        )
    )
    return text, left_out


def _sweeps(collection: Collection, attacked: Mapping[str, RecoveredRun]) -> list[SweepSection]:
    """Return the folders that contain runs, in the order of their paths."""
    by_name: dict[str, list[Recorded]] = {}
    for run in (*collection.runs, *collection.again):
        by_name.setdefault(_sweep_name(run, collection.folder), []).append(run)
    models = _models(by_name.values())
    return [_sweep(name, runs, models, attacked) for name, runs in by_name.items()]


def _models(sweeps: Iterable[Sequence[Recorded]]) -> dict[ModelKey, str]:
    return model_labels(run.record for runs in sweeps for run in runs)


def _sweep_name(run: Recorded, folder: Path) -> str:
    return run.folder.parent.name or folder.absolute().name


def _sweep(
    name: str, runs: Sequence[Recorded], models: Mapping[ModelKey, str], attacked: Mapping[str, RecoveredRun]
) -> SweepSection:
    records = [run.record for run in runs]
    groups = grouped(records, models)
    said = claims_of(claims(groups, records, runs[0].folder.parent.as_posix()))
    return SweepSection(name, tuple(runs), answer(groups, name), tuple(said), _settings(groups), attack_table(groups, attacked))


def _settings(groups: Sequence[Group]) -> dict[str, str]:
    return {record.identity: group.settings for group in groups for record in (*group.runs.values(), *group.uncounted)}


def _rows(sweeps: Sequence[SweepSection]) -> dict[str, RunRow]:
    """Return all rows by identity; a run in several sweeps has one row, with the settings of the first."""
    rows: dict[str, RunRow] = {}
    models = _models(sweep.runs for sweep in sweeps)
    names: dict[str, list[str]] = {}
    for sweep in sweeps:
        for run in sweep.runs:
            names.setdefault(run.record.identity, []).append(sweep.name)
    for sweep in sweeps:
        for run in sweep.runs:
            if run.record.identity not in rows:
                settings = sweep.settings.get(run.record.identity, "")
                rows[run.record.identity] = row_of(run, names[run.record.identity], settings, models[model_key(run.record)])
    return rows


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


def _parts() -> dict[str, Markup | str]:
    """Return style and script with their hashes, which the page's content security policy allows and nothing else."""
    style = (ASSETS / "style.css").read_text(encoding="utf-8")
    script = "\n".join((ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    return {"style": Markup(style), "script": Markup(script), "style_hash": _hash(style), "script_hash": _hash(script)}


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: Any) -> Markup:
    """Return compact JSON that cannot end a script element."""
    return htmlsafe_json_dumps(value, dumps=json.dumps, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
