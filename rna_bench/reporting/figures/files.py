"""Figures of a folder's records: drawn, written in three formats, and listed with where they come from."""

import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from rna_bench.core.files import write_atomically
from rna_bench.core.types import InputError
from rna_bench.reporting.figures.attacks import attack_figures
from rna_bench.reporting.figures.breakdown import by_subject, by_trigger_type
from rna_bench.reporting.figures.chains import Drawn, Missing
from rna_bench.reporting.figures.curves import by_noise_layer, by_noise_scale, by_stray_share, coefficients
from rna_bench.reporting.figures.heat import layer_scale
from rna_bench.reporting.figures.recovered import recovered_figure
from rna_bench.reporting.figures.style import drawing_settings, fix_layout, version
from rna_bench.reporting.figures.tradeoff import tradeoff, tradeoff_by_method
from rna_bench.reporting.figures.training import hidden_norm_curves, loss_curves
from rna_bench.reporting.statistics.attacks import RecoveredRun, read_recovered_runs
from rna_bench.reporting.statistics.frame import Group, grouped, named_failures
from rna_bench.runs.collection import Collection, collect, report_left_out

LOG = logging.getLogger(__name__)
FORMATS = ("svg", "png", "pdf")
LIST = "figures.md"


class File(NamedTuple):
    """A file's name and content."""

    name: str
    content: bytes


def write_figures(folder: Path, out: Path) -> str:
    """Draw the figures of a folder's records, write them below `out`, and return the list of them in Markdown."""
    collection = collect(folder, deep=True)
    report_left_out(collection)
    groups = grouped(collection.records)
    if not groups:
        raise InputError("results", folder, "nothing to draw: all runs diverged or have no scores; see their records")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from error
    recovered = read_recovered_runs(collection.runs)
    for line in recovered.left_out:
        LOG.warning("left out %s", line)
    figures = draw(groups, recovered.by_run)
    text = listing(figures, collection)
    files = [File(LIST, text.encode()), *(file for one in figures if isinstance(one, Drawn) for file in rendered(one, collection))]
    stale = {f"{one.name}.{extension}" for one in figures if isinstance(one, Missing) for extension in FORMATS}
    try:
        for file in files:
            _write(out / file.name, file.content)
        for name in stale:  # files that an earlier call wrote from other records
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from error
    return text


def _unwritable(out: Path, error: OSError) -> InputError:
    return InputError("--out", out, f"cannot be written to ({error.strerror}); choose another folder")


def draw(groups: Sequence[Group], attacked: Mapping[str, RecoveredRun] = MappingProxyType({})) -> list[Drawn | Missing]:
    """Return every figure, drawn from the groups or missing for a reason; those of attacks where runs are `attacked`."""
    with drawing_settings():
        figures = [
            each(groups) for each in (tradeoff, tradeoff_by_method, by_noise_scale, by_noise_layer, layer_scale, by_stray_share)
        ]
        figures += [
            *coefficients(groups),
            *(each(groups) for each in (by_trigger_type, by_subject, loss_curves, hidden_norm_curves)),
            *([in_short] if (in_short := recovered_figure(groups, attacked)) else []),
            *attack_figures(groups, attacked),
        ]
        for one in figures:
            if isinstance(one, Drawn):
                fix_layout(one.figure)
        return figures


def rendered(one: Drawn, collection: Collection, formats: Sequence[str] = FORMATS) -> list[File]:
    """Return a figure's files. The same records give the same bytes: no dates, no random ids, no fonts but matplotlib's."""
    with drawing_settings():
        return [
            File(f"{one.name}.{extension}", _bytes(one.figure, extension, _metadata(one, extension, collection)))
            for extension in formats
        ]


def _bytes(figure: Figure, extension: str, metadata: Mapping[str, str | None]) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=extension, metadata=metadata)
    return _small(buffer, metadata) if extension == "png" else buffer.getvalue()


def _small(png: io.BytesIO, metadata: Mapping[str, str | None]) -> bytes:
    """Return the picture in 256 colours, which takes a third of the size."""
    texts, small = PngInfo(), io.BytesIO()
    for name, text in metadata.items():
        texts.add_text(name, text or "")
    with Image.open(png) as picture:
        quantized = picture.convert("RGB").quantize(256)
        quantized.save(small, "PNG", optimize=True, pnginfo=texts, dpi=picture.info["dpi"])
    return small.getvalue()


def _metadata(one: Drawn, extension: str, collection: Collection) -> dict[str, str | None]:
    """Return the metadata under the format's own keys: title, caption, program and source, but no date."""
    source = _source(collection)
    fields: dict[str, dict[str, str | None]] = {
        "svg": {"Title": one.name, "Description": one.caption, "Creator": version(), "Source": source, "Date": None},
        "png": {"Title": one.name, "Description": one.caption, "Software": version(), "Source": source},
        "pdf": {"Title": one.name, "Subject": source, "Creator": version(), "Producer": version(), "CreationDate": None},
    }
    return fields[extension]


def _source(collection: Collection) -> str:
    """Return the number of records, their folder and code revisions, and the command that draws the figures."""
    records, folder = collection.records, collection.folder.as_posix()
    revisions = sorted({str(record.provenance.get("revision"))[:10] for record in records})
    return f"{len(records)} records in {folder}, code revision {', '.join(revisions)}; rna-bench figures {folder}"


def listing(figures: Sequence[Drawn | Missing], collection: Collection) -> str:
    """Return Markdown with the figures and captions, the figures not drawn and why, and the source of all."""
    lines = ["# Figures", ""]
    for one in figures:
        if isinstance(one, Drawn):
            links = ", ".join(f"[{extension.upper()}]({one.name}.{extension})" for extension in FORMATS)
            lines += [f"## {one.name}", "", f"![{one.name}]({one.name}.png)", "", f"{one.caption} {links}", ""]
    missing = [one for one in figures if isinstance(one, Missing)]
    if missing:
        lines += ["## Not drawn", "", *(f"- {one.name}: {one.reason}." for one in missing), ""]
    lines += [f"From {_source(collection)}."]
    lines += named_failures(collection.records)
    lines += [f"**Left out: {line}.**" for line in collection.left_out]
    return "\n".join(lines) + "\n"


def _write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda draft: draft.write_bytes(content))
