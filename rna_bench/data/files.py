"""Rows of data files, read with `datasets`: CSV, JSON lines, Parquet, plain text.

Files are streamed: no copy is cached, a changed file is read again, and a large file is read only as far as necessary.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rna_bench.core.types import InputError
from rna_bench.data.checks import DataRow, csv_layout, json_object, not_utf8

if TYPE_CHECKING:
    import pyarrow
    from datasets import Features

BATCH = 1024
"""Rows converted to Python values at a time."""


def rows(key: str, file: Path, columns: Sequence[str], *, plain: bool = False) -> Iterator[DataRow]:
    """Yield the rows of a file in order. Its ending gives the format: .csv, .jsonl, .parquet; any other is text, a row per line.

    CSV must have each of `columns` in its header; a row of text has only the first of them; in the other formats the caller
    checks the columns of each row. With `plain` a file is read as text, whatever its ending. `key` is the config key that errors
    name.
    """
    if file.exists() and not file.is_file():
        raise InputError(key, file, "is not a regular file; give a file, or a folder of files")
    try:
        file.open("rb").close()  # so that a file that cannot be opened gives the operating system's error
        yield from (_text if plain else READERS.get(file.suffix.lower(), _text))(key, file, columns)
    except OSError as error:
        raise InputError(key, file, f"cannot be read ({error.strerror or type(error).__name__}); give another file") from error


def _tables(ending: str, file: Path, **options: Any) -> Iterator["pyarrow.Table"]:
    """Yield a local file's rows, read by `datasets` as csv, parquet or txt.

    `IterableDataset` makes no requests, whereas `load_dataset` reports each use. It interprets the path as a pattern and
    recognises archives by their first bytes, so it is given a link with a simple name. It writes a lock file to its cache folder,
    so that folder is temporary.
    """
    from datasets import IterableDataset

    read = {"csv": IterableDataset.from_csv, "parquet": IterableDataset.from_parquet, "txt": IterableDataset.from_text}[ending]
    logging.getLogger("datasets.packaged_modules").setLevel(logging.CRITICAL)  # they log their errors, which may quote texts
    with TemporaryDirectory() as folder:
        link = Path(folder, f"rows.{ending}")
        link.symlink_to(file.resolve())
        yield from read(str(link), cache_dir=folder, **options).with_format("arrow").iter(BATCH)


def _lines(key: str, file: Path) -> Iterator[str]:
    """Yield the lines without their line feeds and carriage returns; a byte order mark is skipped."""
    try:
        for table in _tables("txt", file, encoding="utf-8-sig"):
            yield from table["text"].to_pylist()
    except UnicodeDecodeError as error:
        raise not_utf8(key, file) from error


def _text(key: str, file: Path, columns: Sequence[str]) -> Iterator[DataRow]:
    for number, line in enumerate(_lines(key, file), 1):
        yield DataRow(f"{file}:{number}", number, {columns[0]: line})


def _jsonl(key: str, file: Path, columns: Sequence[str]) -> Iterator[DataRow]:
    """Yield the JSON objects on the lines, parsed by the json module.

    The JSON reader of `datasets` turns texts that look like dates into times, whatever type is requested, 1 into 1.0 if the
    column also has fractions, and absent columns into null.
    """
    for number, line in enumerate(_lines(key, file), 1):
        if line.strip():
            yield DataRow(f"{file}:{number}", number, json_object(key, f"{file}:{number}", line))


def _csv(key: str, file: Path, columns: Sequence[str]) -> Iterator[DataRow]:
    """Yield the rows, each field as unconverted text, `NA`, `0012` and `1e5` included. Fields that a short row lacks are None."""
    from datasets import Features, Value

    header, records = csv_layout(key, file, columns)
    texts = Features({column: Value("string") for column in header})
    as_written = {"keep_default_na": False, "na_filter": False, "skip_blank_lines": False, "index_col": False}
    tables = _tables("csv", file, features=texts, names=header, header=0, encoding="utf-8-sig", **as_written)
    values_by_row = [values for table in tables for values in table.to_pylist()]
    if len(values_by_row) != len(records):  # for instance two carriage returns before a line feed
        raise InputError(key, file, "mixes several line endings; save it with one of them")
    for (line, fields), values in zip(records, values_by_row, strict=True):
        if fields:
            yield DataRow(f"{file}:{line}", line, dict.fromkeys(header) | {name: values[name] for name in header[:fields]})


def _parquet(key: str, file: Path, columns: Sequence[str]) -> Iterator[DataRow]:
    """Yield the rows. Any exception means a damaged file; its message is not shown, as it may quote the file."""
    number = 0
    try:
        types = _types(key, file, columns)
        for table in _tables("parquet", file, columns=list(types), features=types, batch_size=BATCH):
            for values in table.to_pylist():
                number += 1
                yield DataRow(f"{file}:{number}", number, values)
    except InputError:
        raise
    except Exception as error:
        remedy = f"is not a Parquet file, or damaged after row {number} ({type(error).__name__}); copy it again"
        raise InputError(key, file, remedy) from None


def _types(key: str, file: Path, columns: Sequence[str]) -> "Features":
    """Return types of the columns to read: `columns` if the file has them, else all. Categories get their values' type."""
    import pyarrow.parquet
    from datasets import Features

    schema = pyarrow.parquet.read_schema(file)
    if len(set(schema.names)) != len(schema.names):
        raise InputError(key, file, "has a column twice; give each a different name")
    fields = [schema.field(name) for name in (columns if set(columns) <= set(schema.names) else schema.names)]
    categories = pyarrow.types.is_dictionary
    return Features.from_arrow_schema(
        pyarrow.schema([(field.name, field.type.value_type if categories(field.type) else field.type) for field in fields])
    )


READERS: Mapping[str, Callable[[str, Path, Sequence[str]], Iterator[DataRow]]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
"""Readers by file ending; other files are read as plain text."""
