"""Rows of a benchmark by the hub's config: from its snapshot, or from a copy in one of the forms that people have."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from rna_bench.core import hub
from rna_bench.core.types import InputError
from rna_bench.data.checks import Row
from rna_bench.data.questions import ENDINGS, own_subject, question_rows, subject_of


def files_of(key: str, folder: Path, config: str, split: str, *, plain: bool) -> list[Path]:
    """Return the files that hold a split of a config: the hub's, or one named for it, here or in a folder named for the split.

    That is CONFIG/SPLIT-*.parquet, CONFIG_SPLIT.csv, SPLIT/CONFIG_SPLIT.csv or SPLIT/CONFIG.csv (or .jsonl, .parquet); with
    `plain` CONFIG.csv too. More than one of these is an error: which one is meant cannot be known.
    """
    hubs = sorted((folder / config).glob(f"{split}-*.parquet"))
    stems = [folder / f"{config}_{split}", folder / split / f"{config}_{split}", folder / split / config]
    stems += [folder / config] if plain else []
    named = [file for stem in stems for ending in ENDINGS if (file := stem.with_name(stem.name + ending)).is_file()]
    if len(named) + bool(hubs) > 1:
        both = [*hubs[:1], *named]
        raise InputError(key, both[0], f"{both[1]} is of the same split and subject; keep one of them")
    lacking = hub.incomplete([file.name for file in hubs])
    if lacking:
        raise InputError(key, folder / config, f"lacks {', '.join(lacking)}; copy all of them")
    return hubs or named


def rows_of(key: str, path: Path, split: str, asked: Mapping[str, str], *, plain: bool) -> dict[str, list[Row]]:
    """Return rows by config from a folder, in the order of `asked`, which maps the configs that are asked for to their subjects."""
    return {
        config: [row for file in files for row in _own(key, file, config, subject)]
        for config, subject in asked.items()
        if (files := files_of(key, path, config, split, plain=plain))
    }


def rows_in(key: str, file: Path, asked: Mapping[str, str], known: Mapping[str, str]) -> dict[str, list[Row]]:
    """Return rows by config from one file; `known` maps every config that there is to its subject.

    A row's column subject says where it belongs; without one, the file is of the one config asked for, or of that it is named for.
    """
    found: dict[str, list[Row]] = {config: [] for config in asked}
    by_name = {subject: config for config, subject in known.items()} | {config: config for config in known}
    whole = next(iter(asked)) if len(asked) == 1 else subject_of(file)
    for row in question_rows(key, file):
        config = by_name.get(own_subject(key, row) or whole)
        if config is None:
            raise InputError(key, row.place, "column subject is of no known subject; name one, or ask for one subject alone")
        if config in found:
            found[config].append(row)
    return found


def _own(key: str, file: Path, config: str, subject: str) -> Iterable[Row]:
    """Yield the rows of a config's file; one of another subject is an error."""
    for row in question_rows(key, file):
        if own_subject(key, row) not in ("", config, subject):
            raise InputError(key, row.place, f"column subject is not {subject}, for which the file is named; move the row")
        yield row


def check_subject(key: str, value: str, known: Iterable[str]) -> None:
    """Raise InputError for a subject that there is not; the error lists what is like it."""
    names = list(known)
    if value in names:
        return
    close = get_close_matches(value, names, 5, 0.5) or names[:5]
    raise InputError(key, value, f"there is no such subject; did you mean {', '.join(close)}?")
