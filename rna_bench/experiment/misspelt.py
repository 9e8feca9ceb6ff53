"""A check of KEY=VALUE words before anything heavy is imported: groups, options and keys that there surely are not.

What it cannot be sure of (a class of the user's that is made in another way, a grammar of Hydra's) is left to composition.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from rna_bench.core.conf_files import conf_folders, config_folder, groups, options
from rna_bench.core.renames import KEYS
from rna_bench.core.spelling import choose_one
from rna_bench.core.types import InputError
from rna_bench.experiment.known_keys import EARLIER, KnownKeys, known_keys

WORD = re.compile(r"(?P<plus>\+{0,2})(?P<key>[\w./-]+)=(?P<value>.*)", re.DOTALL)
NAME = re.compile(r"[\w-]+")


def check_spelling(words: Sequence[str], own: Path | None = None, file: Path | None = None) -> None:
    """Raise InputError for the first word whose group, option or key there is not, with those that are like it.

    `own` is a user's folder of configuration, `file` the YAML file of a sweep or search.
    """
    if (own and not own.is_dir()) or any("searchpath" in word for word in words):
        return
    beside = [file.parent] if file and not file.is_relative_to(config_folder("sweeps")) else []
    folders = [*conf_folders(own), *beside]
    spines = [folder / "run.yaml" for folder in conf_folders(own)]
    names, keys = groups(folders), None
    matches = [*filter(None, map(WORD.fullmatch, words))]
    own_classes = tuple(match["key"].removesuffix("_target_") for match in matches if match["key"].endswith("._target_"))
    for match in matches:
        key, value = match["key"], match["value"]
        if key in names:
            _check_options(key, value, options(key, folders))
        elif key not in KEYS and key.split(".")[0].split("/")[0] != "hydra" and not key.startswith(own_classes):
            keys = keys or known_keys([*spines, *([file] if file else [])], folders)
            _check_key(key, value, keys, names, added=bool(match["plus"]))


def _check_options(group: str, value: str, known: Collection[str]) -> None:
    chosen = [name.strip() for name in value.strip().removeprefix("[").removesuffix("]").split(",")]
    if not all(map(NAME.fullmatch, chosen)):  # quotes, interpolations, choice(...)
        return
    for name in chosen:
        if name not in (*known, "null", "none") and not name.isdigit():  # composition says more of these
            raise InputError(group, name, f"there is no such option; {choose_one(name, known)}")


def _check_key(key: str, value: str, known: KnownKeys, names: Sequence[str], *, added: bool) -> None:
    parts = key.split(".")
    if added and (len(parts) == 1 or parts[0] == "topics"):
        return
    for depth, part in enumerate(parts):
        if part not in known.names:
            if not known.open and (part not in EARLIER or depth == 0):
                raise InputError(key, value, f"there is no such key; {_remedy(parts[:depth], part, known, names)}")
            return
        known = known.names[part]


def _remedy(section: Sequence[str], part: str, known: KnownKeys, names: Sequence[str]) -> str:
    keys = [name for name in known.names if name not in ("defaults", "hydra", "_target_")]
    if not section:
        keys += [name for name in names if name not in keys]
    return choose_one(part, keys) if keys else f"{'.'.join(section)} has none; leave it out"
