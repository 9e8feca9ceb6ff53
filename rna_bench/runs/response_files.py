"""Files of responses: parquet with a row for each, written without loss in as little space as is easily had."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rna_bench.core.files import write_atomically


def write_rows(path: Path, columns: Sequence[str], types: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows of values; `types` are those of the columns that are no text. Numbers with a fraction are stored byte by byte."""
    import pandas

    frame = pandas.DataFrame(list(rows), columns=pandas.Index(columns)).astype(dict(types))
    fractions = [name for name, kind in types.items() if kind.startswith("float")]
    encoding = dict.fromkeys(fractions, "BYTE_STREAM_SPLIT")
    others = [name for name in columns if name not in encoding]
    write_atomically(
        path,
        lambda draft: frame.to_parquet(draft, index=False, compression="zstd", use_dictionary=others, column_encoding=encoding),
    )
