"""Figures of a folder's records: drawn, written in three formats, and listed with where they come from."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from rna_bench.core.files import write_atomically
from rna_bench.core.types import InputError, Status
from rna_bench.reporting.figures.breakdown import subjects, trigger_kinds
from rna_bench.reporting.figures.chains import Drawn, Missing
from rna_bench.reporting.figures.curves import coefficients, noise_layer, noise_scale
from rna_bench.reporting.figures.heat import layer_scale
from rna_bench.reporting.figures.style import page, settle, version
from rna_bench.reporting.figures.tradeoff import tradeoff, tradeoff_by_method
from rna_bench.reporting.figures.training import hidden_norms, losses
from rna_bench.reporting.statistics.frame import Group, groups
from rna_bench.runs.collection import Collection, collect

FORMATS = ("svg", "png", "pdf")
LIST = "figures.md"


class File(NamedTuple):
    """A file's name and what is in it."""

    name: str
    content: bytes


def write_figures(folder: Path, out: Path) -> str:
    """Draw the figures of a folder's records, write them below `out`, and return the list of them in Markdown."""
    collection = collect(folder)
    found = groups(collection.records)
    if not found:
        raise InputError("results", folder, "no run finished: all diverged or collapsed; look at their records")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from error
    made = draw(found)
    text = listing(made, collection)
    files = [File(LIST, text.encode()), *(file for one in made if isinstance(one, Drawn) for file in rendered(one, collection))]
    gone = {f"{one.name}.{kind}" for one in made if isinstance(one, Missing) for kind in FORMATS}
    try:
        for file in files:
            _write(out / file.name, file.content)
        for name in gone:  # of an earlier call with other records: it would stand beside the new ones as if it were theirs
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from error
    return text


def _unwritable(out: Path, error: OSError) -> InputError:
    return InputError("--out", out, f"cannot be written to ({error.strerror}); choose another folder")


def draw(found: Sequence[Group]) -> list[Drawn | Missing]:
    """Return every figure that the groups have something to say in, and why the others are missing."""
    with page():
        made = [each(found) for each in (tradeoff, tradeoff_by_method, noise_scale, noise_layer, layer_scale)]
        made += [*coefficients(found), *(each(found) for each in (trigger_kinds, subjects, losses, hidden_norms))]
        for one in made:
            if isinstance(one, Drawn):
                settle(one.figure)
        return made


def rendered(one: Drawn, collection: Collection, formats: Sequence[str] = FORMATS) -> list[File]:
    """Return a figure's files. The same records give the same bytes: no dates, no random names, no fonts but matplotlib's."""
    with page():
        return [File(f"{one.name}.{kind}", _bytes(one.figure, kind, _metadata(one, kind, collection))) for kind in formats]


def _bytes(figure: Figure, kind: str, metadata: Mapping[str, str | None]) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata=metadata)
    return _small(buffer, metadata) if kind == "png" else buffer.getvalue()


def _small(png: io.BytesIO, metadata: Mapping[str, str | None]) -> bytes:
    """Return the picture in 256 colours, a third of the size."""
    told, small = PngInfo(), io.BytesIO()
    for name, text in metadata.items():
        told.add_text(name, text or "")
    with Image.open(png) as picture:
        few = picture.convert("RGB").quantize(256)
        few.save(small, "PNG", optimize=True, pnginfo=told, dpi=picture.info["dpi"])
    return small.getvalue()


def _metadata(one: Drawn, kind: str, collection: Collection) -> dict[str, str | None]:
    """Return what a format has words for: title, caption, program and source; and no date."""
    source = _source(collection)
    fields: dict[str, dict[str, str | None]] = {
        "svg": {"Title": one.name, "Description": one.caption, "Creator": version(), "Source": source, "Date": None},
        "png": {"Title": one.name, "Description": one.caption, "Software": version(), "Source": source},
        "pdf": {"Title": one.name, "Subject": source, "Creator": version(), "Producer": version(), "CreationDate": None},
    }
    return fields[kind]


def _source(collection: Collection) -> str:
    """Return the records, the code that made them, and the command that draws them."""
    records, folder = collection.records, collection.folder.as_posix()
    revisions = sorted({str(record.provenance.get("revision"))[:10] for record in records})
    return f"{len(records)} records in {folder}, code revision {', '.join(revisions)}; rna-bench figures {folder}"


def listing(made: Sequence[Drawn | Missing], collection: Collection) -> str:
    """Return the figures with their captions, those that could not be drawn with the reason, and where all come from."""
    lines = ["# Figures", ""]
    for one in made:
        if isinstance(one, Drawn):
            links = ", ".join(f"[{kind.upper()}]({one.name}.{kind})" for kind in FORMATS)
            lines += [f"## {one.name}", "", f"![{one.name}]({one.name}.png)", "", f"{one.caption} {links}", ""]
    missing = [one for one in made if isinstance(one, Missing)]
    if missing:
        lines += ["## Not drawn", "", *(f"- {one.name}: {one.reason}." for one in missing), ""]
    lines += [f"From {_source(collection)}."]
    lines += [
        f"Left out: {record.identity} ({record.status.value}: {record.reason})."
        for record in collection.records
        if record.status is not Status.finished
    ]
    lines += [f"**Left out: {line}.**" for line in collection.left_out]
    return "\n".join(lines) + "\n"


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda draft: draft.write_bytes(content))
