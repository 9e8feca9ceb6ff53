"""Rows of a benchmark by config: from the hub's snapshot, or from a local copy in one of the usual layouts."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from rna_bench.core import hub
from rna_bench.core.types import InputError
from rna_bench.data.checks import DataRow
from rna_bench.data.questions import ENDINGS, own_subject, question_rows, subject_of


def split_files(key: str, folder: Path, config: str, split: str, *, bare: bool) -> list[Path]:
    """Return the files with a split of a config.

    They are CONFIG/SPLIT-*.parquet as on the hub, or one of CONFIG_SPLIT.csv, SPLIT/CONFIG_SPLIT.csv and SPLIT/CONFIG.csv (or
    .jsonl, .parquet); with `bare` also CONFIG.csv. If several of these exist, which one is meant is unknown: an error.
    """
    hubs = sorted((folder / config).glob(f"{split}-*.parquet"))
    stems = [folder / f"{config}_{split}", folder / split / f"{config}_{split}", folder / split / config]
    stems += [folder / config] if bare else []
    named = [file for stem in stems for ending in ENDINGS if (file := stem.with_name(stem.name + ending)).is_file()]
    if len(named) + bool(hubs) > 1:
        both = [*hubs[:1], *named]
        raise InputError(key, both[0], f"{both[1]} is of the same split and subject; keep one of them")
    lacking = hub.incomplete([file.name for file in hubs])
    if lacking:
        raise InputError(key, folder / config, f"lacks {', '.join(lacking)}; copy all of them")
    return hubs or named


def split_rows(key: str, path: Path, split: str, selected: Mapping[str, str], *, bare: bool) -> dict[str, list[DataRow]]:
    """Return rows by config from a folder, in the order of `selected`, which maps the selected configs to their subjects."""
    return {
        config: [row for file in files for row in _config_rows(key, file, config, subject)]
        for config, subject in selected.items()
        if (files := split_files(key, path, config, split, bare=bare))
    }


def rows_from_file(key: str, file: Path, selected: Mapping[str, str], known: Mapping[str, str]) -> dict[str, list[DataRow]]:
    """Return rows by config from one file; `known` maps every config of the benchmark to its subject.

    A row belongs to the subject in its column of that name. Without such a column all rows belong to the one config that is
    selected, or to the one that the file is named after.
    """
    rows: dict[str, list[DataRow]] = {config: [] for config in selected}
    by_name = {subject: config for config, subject in known.items()} | {config: config for config in known}
    default = next(iter(selected)) if len(selected) == 1 else subject_of(file)
    for row in question_rows(key, file):
        config = by_name.get(own_subject(key, row) or default)
        if config is None:
            raise InputError(key, row.place, "column subject is not a known subject; correct it, or select a single subject")
        if config in rows:
            rows[config].append(row)
    return rows


def _config_rows(key: str, file: Path, config: str, subject: str) -> Iterable[DataRow]:
    """Yield the rows of a config's file; a row of another subject is an error."""
    for row in question_rows(key, file):
        if own_subject(key, row) not in ("", config, subject):
            raise InputError(key, row.place, f"column subject is not {subject}, which the file is named after; move the row")
        yield row


def check_subject(key: str, value: str, known: Iterable[str]) -> None:
    """Raise InputError for an unknown subject; the error lists similar names."""
    names = list(known)
    if value in names:
        return
    close = get_close_matches(value, names, 5, 0.5) or names[:5]
    raise InputError(key, value, f"there is no such subject; did you mean {', '.join(close)}?")
