"""What data files must be like. An error names file, line and column, never what stands there: no library's message does both."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rna_bench.core.types import InputError


class Row(NamedTuple):
    """One row. `place` is FILE:NUMBER, the number being the line's (of a Parquet file the row's), from 1."""

    place: str
    number: int
    values: Mapping[str, Any]


def cell(key: str, row: Row, column: str) -> Any:
    """Return what stands in a column; a row without it is an error."""
    if column not in row.values:
        raise InputError(key, row.place, f"there is no column {column}; each row must have it")
    return row.values[column]


def filled(key: str, place: str, column: str, value: object) -> str:
    """Return the value if it is text, as `plain` has it, and more than spaces."""
    if value is None or not plain(key, place, column, value).strip():
        raise InputError(key, place, f"column {column} is empty; fill it or remove the row")
    return str(value)


def plain(key: str, place: str, column: str, value: object) -> str:
    """Return the value if it is text without zero bytes and half characters."""
    if not isinstance(value, str):
        raise InputError(key, place, f"column {column} is of type {type(value).__name__}; give text")
    if "\0" in value or not _encodes(value):
        raise InputError(key, place, f"column {column} holds a zero byte or half a character; give UTF-8 text")
    return value


def _encodes(value: str) -> bool:
    """Tell whether the text has no lone surrogate, as JSON can have."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def not_utf8(key: str, file: Path) -> InputError:
    """Return the error for a file that is not UTF-8, with its line: whoever decodes a file by the block knows none."""
    with file.open("rb") as lines:
        number = next((number for number, line in enumerate(lines, 1) if not _decodes(line)), 1)
    return InputError(key, f"{file}:{number}", "is not UTF-8 text; save the file as UTF-8")


def _decodes(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


class Record(NamedTuple):
    """Where a row of a CSV file ends, and how many fields it has; a blank line is a row of none."""

    line: int
    fields: int


def csv_form(key: str, file: Path, columns: Sequence[str]) -> tuple[list[str], list[Record]]:
    """Return the header of a CSV file and the form of its rows; the header must have each of `columns`.

    pandas, with which `datasets` reads CSV, knows no lines; and a field too many it takes for an index, so that each column gets
    its neighbour's text, and text after a closing quote for a part of the field. Hence a look at the form, before it reads.
    """
    line, records = 1, []
    try:
        with file.open(encoding="utf-8-sig", newline="\n") as lines:
            reader = csv.reader(lines, strict=True)
            header = _header(key, file, next(reader, []), columns)
            for fields in reader:
                line = reader.line_num
                if len(fields) > len(header):
                    remedy = "the row has more columns than the header; quote fields that hold commas"
                    raise InputError(key, f"{file}:{line}", remedy)
                records.append(Record(line, len(fields)))
    except csv.Error as error:
        remedy = f"after this line it is not CSV ({error}); quote fields with commas"
        raise InputError(key, f"{file}:{line}", remedy) from error
    except UnicodeDecodeError as error:
        raise not_utf8(key, file) from error
    return header, records


def _header(key: str, file: Path, header: list[str], columns: Sequence[str]) -> list[str]:
    lacking = next((column for column in columns if header.count(column) != 1), None)
    if lacking is not None:
        raise InputError(key, file, f"line 1 must have the column {lacking} once; the header is {','.join(columns)}")
    if len(set(header)) != len(header):
        raise InputError(key, file, "line 1 has a column twice; give each a name of its own")
    return header


def json_object(key: str, place: str, line: str) -> dict[str, Any]:
    """Return a line of JSON, which must be an object, with its values as they are written."""
    try:
        value = json.loads(line, object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        raise InputError(key, place, f"is not JSON at character {error.pos + 1}; give one object a line") from error
    except (ValueError, RecursionError) as error:  # a name twice, a number of thousands of digits, ten thousand brackets
        remedy = "has a name twice, a number too long, or brackets too deep; give one plain object a line"
        raise InputError(key, place, remedy) from error
    if not isinstance(value, dict):
        raise InputError(key, place, f"is of type {type(value).__name__}; give one object a line")
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)
