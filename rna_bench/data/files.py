"""Rows of data files, read with `datasets`: CSV, JSON lines, Parquet, plain text.

Files are streamed: no copy of a text is cached, a file that changed is read anew, and of a large one no more than is asked for.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rna_bench.core.types import InputError
from rna_bench.data.checks import Row, csv_form, json_object, not_utf8

if TYPE_CHECKING:
    import pyarrow
    from datasets import Features

BATCH = 1024
"""Rows that are turned into Python's values at a time."""


def rows(key: str, file: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a file, in order, as its ending says: .csv, .jsonl, .parquet; any other is text, a row a line.

    CSV must have each of `columns` in its header, text has the first of them alone; in the other formats, whoever reads a row
    looks for its columns. `key` is the config key that errors name.
    """
    if file.exists() and not file.is_file():
        raise InputError(key, file, "is no file; give a file, or a folder of them")
    try:
        file.open("rb").close()  # what cannot be opened is the system's error, in its words
        yield from READERS.get(file.suffix.lower(), _text)(key, file, columns)
    except OSError as error:
        raise InputError(key, file, f"cannot be read ({error.strerror or type(error).__name__}); give another file") from error


def _tables(ending: str, file: Path, **options: Any) -> Iterator["pyarrow.Table"]:
    """Yield a local file's rows as `datasets` reads files of an ending: csv, parquet or txt.

    `IterableDataset` asks no network, where `load_dataset` reports each use. It takes a path for a pattern, and tells archives by
    what they begin with: hence a link of a plain name. It keeps a lock where it could cache: hence the folder.
    """
    from datasets import IterableDataset

    read = {"csv": IterableDataset.from_csv, "parquet": IterableDataset.from_parquet, "txt": IterableDataset.from_text}[ending]
    logging.getLogger("datasets.packaged_modules").setLevel(logging.CRITICAL)  # they log what they raise, and it may quote texts
    with TemporaryDirectory() as folder:
        link = Path(folder, f"rows.{ending}")
        link.symlink_to(file.resolve())
        yield from read(str(link), cache_dir=folder, **options).with_format("arrow").iter(BATCH)


def _lines(key: str, file: Path) -> Iterator[str]:
    """Yield the lines without their ends, which are line feeds, carriage returns, or both; a byte order mark is left out."""
    try:
        for table in _tables("txt", file, encoding="utf-8-sig"):
            yield from table["text"].to_pylist()
    except UnicodeDecodeError as error:
        raise not_utf8(key, file) from error


def _text(key: str, file: Path, columns: Sequence[str]) -> Iterator[Row]:
    for number, line in enumerate(_lines(key, file), 1):
        yield Row(f"{file}:{number}", number, {columns[0]: line})


def _jsonl(key: str, file: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Yield the objects that stand on the lines.

    `datasets` reads the lines and the json module what stands on them: its own reader of JSON makes times of texts that look like
    dates, whatever type is asked for, 1.0 of a 1 beside a fraction, and null of a column that is not there.
    """
    for number, line in enumerate(_lines(key, file), 1):
        if line.strip():
            yield Row(f"{file}:{number}", number, json_object(key, f"{file}:{number}", line))


def _csv(key: str, file: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Yield the rows, each field as the text that it is: `NA`, `0012` and `1e5` too. What a short row lacks is None."""
    from datasets import Features, Value

    header, records = csv_form(key, file, columns)
    texts = Features({column: Value("string") for column in header})
    as_written = {"keep_default_na": False, "na_filter": False, "skip_blank_lines": False, "index_col": False}
    tables = _tables("csv", file, features=texts, names=header, header=0, encoding="utf-8-sig", **as_written)
    found = [values for table in tables for values in table.to_pylist()]
    if len(found) != len(records):  # two carriage returns before a line feed, say
        raise InputError(key, file, "has line ends of several kinds; save it with one")
    for (line, fields), values in zip(records, found, strict=True):
        if fields:
            yield Row(f"{file}:{line}", line, dict.fromkeys(header) | {name: values[name] for name in header[:fields]})


def _parquet(key: str, file: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Yield the rows; whatever is raised, of a dozen kinds, means a damaged file, and is not shown: it may quote the file."""
    number = 0
    try:
        types = _types(key, file, columns)
        for table in _tables("parquet", file, columns=list(types), features=types, batch_size=BATCH):
            for values in table.to_pylist():
                number += 1
                yield Row(f"{file}:{number}", number, values)
    except InputError:
        raise
    except Exception as error:
        remedy = f"is no Parquet file, or damaged after row {number} ({type(error).__name__}); copy it anew"
        raise InputError(key, file, remedy) from None


def _types(key: str, file: Path, columns: Sequence[str]) -> "Features":
    """Return the types of the columns to read: those asked for if all are there, else all. Categories are what they stand for."""
    import pyarrow.parquet
    from datasets import Features

    schema = pyarrow.parquet.read_schema(file)
    if len(set(schema.names)) != len(schema.names):
        raise InputError(key, file, "has a column twice; give each a name of its own")
    fields = [schema.field(name) for name in (columns if set(columns) <= set(schema.names) else schema.names)]
    categories = pyarrow.types.is_dictionary
    return Features.from_arrow_schema(
        pyarrow.schema([(field.name, field.type.value_type if categories(field.type) else field.type) for field in fields])
    )


READERS: Mapping[str, Callable[[str, Path, Sequence[str]], Iterator[Row]]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
"""By a file's ending; a format that is none of these is plain text."""
