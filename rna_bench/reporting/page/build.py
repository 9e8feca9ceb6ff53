"""The page itself: template, style and scripts of this package, filled with the records' numbers."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from rna_bench.core.files import write_atomically
from rna_bench.core.types import InputError, Status
from rna_bench.reporting.page.details import details
from rna_bench.reporting.page.rows import Row, row_of, shown_columns
from rna_bench.reporting.page.summary import Claim, claims_of
from rna_bench.reporting.statistics.frame import Group, groups
from rna_bench.runs.collection import Collection, Recorded, collect

ASSETS = Path(str(files("rna_bench.reporting.page") / "assets"))
SCRIPTS = ("dom", "data", "table", "choice", "scale", "plot", "charts", "run", "flips", "compare", "route", "main")
"""In the order in which they are written into the page; together they are one module."""


class Sweep(NamedTuple):
    """A folder of records: its name, its runs, and what they say of the claims."""

    name: str
    runs: tuple[Recorded, ...]
    claims: tuple[Claim, ...]
    settings: Mapping[str, str]
    """Identity to the settings that tell it from other runs of the sweep."""


def write_report(folder: Path, out: Path) -> str:
    """Write the page of the records below a folder, all at once or not at all; return where it is and what is not in it."""
    collection = collect(folder, deep=True)
    text, lines = page(collection)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, lambda draft: draft.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise InputError("--out", out, f"cannot be written to ({error.strerror}); choose another file") from error
    return "\n".join([f"{out}: {len(collection.runs)} runs, {len(text.encode()) / 1e6:.2f} MB", *(f"left out: {x}" for x in lines)])


def page(collection: Collection) -> tuple[str, list[str]]:
    """Return the page, the same from the same records, and a line for each record or file that is left out."""
    sweeps = _sweeps(collection)
    by_id = _rows(sweeps)
    rows = [by_id[run.record.identity] for run in collection.runs]
    columns = shown_columns(rows)
    found, unread = details(collection)
    core = {"columns": [column._asdict() for column in columns], "runs": [row._asdict() for row in rows]}
    left_out = [*collection.left_out, *unread]
    text = (
        _environment()
        .get_template("page.html.j2")
        .render(
            folder=collection.folder.as_posix(),
            revisions=sorted({str(run.record.provenance.get("revision"))[:10] for run in collection.runs}),
            sweeps=sweeps,
            failed=[row for row in rows if row.status != Status.finished.value],
            left_out=left_out,
            columns=columns,
            rows=rows,
            core=_json(core),
            details=_json(found),
            **_parts(),
        )
    )
    return text, left_out


def _sweeps(collection: Collection) -> list[Sweep]:
    """Return the folders that runs lie in, in the order of their paths."""
    by_name: dict[str, list[Recorded]] = {}
    for run in (*collection.runs, *collection.again):
        by_name.setdefault(_sweep_name(run, collection.folder), []).append(run)
    return [_sweep(name, runs) for name, runs in by_name.items()]


def _sweep_name(run: Recorded, folder: Path) -> str:
    return run.folder.parent.name or folder.absolute().name


def _sweep(name: str, runs: Sequence[Recorded]) -> Sweep:
    found = groups([run.record for run in runs])
    return Sweep(name, tuple(runs), tuple(claims_of(found)), _settings(found))


def _settings(found: Sequence[Group]) -> dict[str, str]:
    return {record.identity: group.settings for group in found for record in group.runs.values()}


def _rows(sweeps: Sequence[Sweep]) -> dict[str, Row]:
    """Return all rows by identity; a run of two sweeps has the row of the first."""
    rows: dict[str, Row] = {}
    for sweep in sweeps:
        for run in sweep.runs:
            if run.record.identity not in rows:
                rows[run.record.identity] = row_of(run, sweep.name, sweep.settings.get(run.record.identity, ""))
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
    """Return style and script, and their hashes: the page's policy runs nothing else, and lets nothing be fetched."""
    style = (ASSETS / "style.css").read_text(encoding="utf-8")
    script = "\n".join((ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)
    return {"style": Markup(style), "script": Markup(script), "style_hash": _hash(style), "script_hash": _hash(script)}


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: Any) -> Markup:
    """Return compact JSON that cannot end a script element."""
    return htmlsafe_json_dumps(value, dumps=json.dumps, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
