"""Comparison of two files of one name by content, wherever they were built.

The content is what is drawn, the texts, and the numbers to some digits. Differences in the glyph names of an SVG, the padding of a
table's columns, the compression of a PDF and the version of the program are ignored.
"""

import csv
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from math import isclose
from xml.etree import ElementTree

import numpy
from PIL import Image

NUMBER = re.compile(r"(?<![\w#.])(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?!\w|\.\d)")
"""A separate number, not part of a colour, a version, an identity or a length with its unit."""
POINTS = 0.01
"""The largest difference of two equal coordinates, in points of 1/72 inch."""
PIXELS, LEVELS = 1e-4, 64
"""The fraction of a picture's pixels that may differ by more than `LEVELS` of 255 levels: edges of letters do."""

Close = Callable[[str, str], bool]


def differences(name: str, rebuilt: bytes, committed: bytes) -> list[str]:
    """Return the first five differences in content, in words; the name's suffix is the format."""
    suffix = name.rsplit(".", 1)[-1]
    if suffix == "png":
        return _of_pictures(rebuilt, committed)
    lines, close = FORMATS[suffix]
    pairs = zip_longest(lines(rebuilt), lines(committed), fillvalue="")
    return [difference for one, other in pairs if (difference := _of_lines(one, other, close))][:5]


def written_in_full(one: str, other: str) -> bool:
    """Return whether whole numbers are equal, and others to 1e-5 relative or 1e-12 absolute."""
    return one == other or ("." in one + other and isclose(float(one), float(other), rel_tol=1e-5, abs_tol=1e-12))


def shown(one: str, other: str) -> bool:
    """Return whether numbers are equal as above, or as rounded: 96.25 is shown as 96.2, and slightly more as 96.3."""
    unit = 10.0 ** -max(len(number.partition(".")[2]) for number in (one, other))
    rounded = "." in one and "." in other and "e" not in one + other and abs(float(one) - float(other)) < 1.5 * unit
    return rounded or written_in_full(one, other)


def placed(one: str, other: str) -> bool:
    """Return whether coordinates are equal within `POINTS`."""
    return abs(float(one) - float(other)) <= POINTS


def _of_lines(one: str, other: str, close: Close) -> str:
    """Return "" for two equal lines, otherwise the text around the first difference."""
    if one == other:
        return ""
    ours, theirs = (NUMBER.split(line) for line in (one, other))  # words and numbers alternate
    for place, (mine, its) in enumerate(zip_longest(ours, theirs, fillvalue="")):
        same = mine == its or (place % 2 == 1 and mine and its and close(mine, its))
        if not same:
            around = [("".join(pieces[:place])[-80:] + "".join(pieces[place:])[:120]) for pieces in (ours, theirs)]
            return f"{around[0]!r} is not {around[1]!r}"
    return ""


def _texts(content: bytes) -> Iterator[str]:
    """Yield the lines without the padding of columns."""
    for line in content.decode().split("\n"):
        yield re.sub(r"-{3,}", "---", " ".join(line.split()))


def _cells(content: bytes) -> Iterator[str]:
    reader = csv.DictReader(io.StringIO(content.decode(), newline=""))
    yield f"columns: {reader.fieldnames}"
    for row in reader:
        yield from (f"row {reader.line_num}, {column}: {cell}" for column, cell in row.items())


def _elements(content: bytes) -> Iterator[str]:
    """Yield the elements of an SVG as lines, in drawing order."""
    root = ElementTree.fromstring(content, ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True)))
    named = {f"#{name}": element for element in root.iter() if (name := element.get("id"))}
    yield from _drawn(root, named)


def _drawn(element: ElementTree.Element, named: Mapping[str, ElementTree.Element]) -> Iterator[str]:
    """Yield an element and its children. Elements with an id are yielded where they are used, without the id."""
    tag = "text" if element.tag is ElementTree.Comment else element.tag.split("}")[-1]
    if tag == "creator":
        return
    attributes = {key.split("}")[-1]: value for key, value in element.attrib.items()}
    attributes.pop("id", None)
    used = re.findall(r"#[\w.-]+(?=\)$)", attributes.pop("clip-path", ""))
    if tag == "use":
        used.append(attributes.pop("href"))
    if attributes or tag not in ("g", "defs"):
        yield " ".join([tag, *(f"{key}={value}" for key, value in attributes.items()), element.text or ""]).strip()
    for name in used:
        yield from _drawn(named[name], named)
    for child in element:
        if not (tag == "defs" and child.get("id")):
            yield from _drawn(child, named)


def _operators(content: bytes) -> Iterator[str]:
    """Yield the metadata and drawing operators of a PDF, without letters, whose codes depend on the font subset."""
    yield from (line.decode("latin-1") for line in re.findall(rb"/(?:Title|Subject|MediaBox) ?[(\[].*", content))
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
        drawn = zlib.decompress(stream)
        if not drawn.startswith(b"\0") and b"begincmap" not in drawn:  # a font, and its character map
            yield from re.sub(r"\((?:\\.|[^\\)])*\)", "()", drawn.decode("latin-1"), flags=re.DOTALL).split("\n")


def _of_pictures(rebuilt: bytes, committed: bytes) -> list[str]:
    with Image.open(io.BytesIO(rebuilt)) as one, Image.open(io.BytesIO(committed)) as other:
        mine, its = ([image.size, *map(image.info.get, ("Title", "Description", "Source"))] for image in (one, other))
        if mine != its:
            return [f"{mine} is not {its}"]
        ours, theirs = (numpy.asarray(image.convert("RGB"), dtype=int) for image in (one, other))
    fraction = float((abs(ours - theirs).max(axis=2) > LEVELS).mean())
    return [f"{fraction:.2%} of the pixels differ"] if fraction > PIXELS else []


FORMATS: Mapping[str, tuple[Callable[[bytes], Iterator[str]], Close]] = {
    "svg": (_elements, placed),
    "pdf": (_operators, placed),
    "csv": (_cells, written_in_full),
    "md": (_texts, shown),
    "tex": (_texts, shown),
    "html": (_texts, shown),
}
