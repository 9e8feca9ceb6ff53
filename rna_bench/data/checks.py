"""Checks of data files. Errors name file, line and column, which messages of libraries do not, and never quote the content."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rna_bench.core.types import InputError


class DataRow(NamedTuple):
    """One row. `place` is FILE:NUMBER; the number is that of the line, or of the row of a Parquet file, from 1."""

    place: str
    number: int
    values: Mapping[str, Any]


def cell(key: str, row: DataRow, column: str) -> Any:
    """Return the value of a column; a row without it is an error."""
    if column not in row.values:
        raise InputError(key, row.place, f"there is no column {column}; each row must have it")
    return row.values[column]


def nonempty_text(key: str, place: str, column: str, value: object) -> str:
    """Return the value if it is valid text and not blank."""
    if value is None or not valid_text(key, place, column, value).strip():
        raise InputError(key, place, f"column {column} is empty; fill it or remove the row")
    return str(value)


def valid_text(key: str, place: str, column: str, value: object) -> str:
    """Return the value if it is text without zero bytes and lone surrogates."""
    if not isinstance(value, str):
        raise InputError(key, place, f"column {column} is of type {type(value).__name__}; give text")
    if "\0" in value or not _encodes(value):
        raise InputError(key, place, f"column {column} contains a zero byte or a lone surrogate; give UTF-8 text")
    return value


def _encodes(value: str) -> bool:
    """Return whether the text can be encoded: JSON may contain lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def not_utf8(key: str, file: Path) -> InputError:
    """Return the error for a file that is not UTF-8, with the line, which is unknown when a file is decoded in blocks."""
    with file.open("rb") as lines:
        number = next((number for number, line in enumerate(lines, 1) if not _decodes(line)), 1)
    return InputError(key, f"{file}:{number}", "is not UTF-8 text; save the file as UTF-8")


def _decodes(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


class CsvRow(NamedTuple):
    """The last line of a row of a CSV file, and its number of fields; a blank line is a row without fields."""

    line: int
    fields: int


def csv_layout(key: str, file: Path, columns: Sequence[str]) -> tuple[list[str], list[CsvRow]]:
    """Return the header of a CSV file, which must have each of `columns`, and the layout of its rows.

    `datasets` reads CSV with pandas, which reports no line numbers, takes a surplus field for an index, so that the columns are
    shifted, and accepts text after a closing quote as part of the field. So the layout is checked first.
    """
    line, records = 1, []
    try:
        with file.open(encoding="utf-8-sig", newline="\n") as lines:
            reader = csv.reader(lines, strict=True)
            header = _header(key, file, next(reader, []), columns)
            for fields in reader:
                line = reader.line_num
                if len(fields) > len(header):
                    remedy = "the row has more columns than the header; quote fields that contain commas"
                    raise InputError(key, f"{file}:{line}", remedy)
                records.append(CsvRow(line, len(fields)))
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
        raise InputError(key, file, "line 1 has a column twice; give each a different name")
    return header


def json_object(key: str, place: str, line: str) -> dict[str, Any]:
    """Return a line of JSON, which must be an object, with its values unconverted."""
    try:
        value = json.loads(line, object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        raise InputError(key, place, f"is not JSON at character {error.pos + 1}; give one object per line") from error
    except (ValueError, RecursionError) as error:  # a repeated name, a number of thousands of digits, ten thousand brackets
        remedy = "has a name twice, a number that is too long, or brackets nested too deeply; give one plain object per line"
        raise InputError(key, place, remedy) from error
    if not isinstance(value, dict):
        raise InputError(key, place, f"is of type {type(value).__name__}; give one object per line")
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name is repeated")
    return dict(pairs)
