"""Checks of a command line before anything is composed: Hydra's own messages name neither the word nor the key."""

from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from rna_bench.core.conf_files import config_folder
from rna_bench.core.types import InputError


def check_overrides(words: Sequence[str], own: Path | None = None) -> None:
    """Raise InputError for the first word that is no KEY=VALUE, and for a user's folder `own` that is not there."""
    if own and not own.is_dir():
        raise InputError("--config-dir", own, "there is no such folder; give the folder of your own configuration")
    groups = {path.name for path in config_folder("conf").iterdir() if path.is_dir()}
    for word in words:
        _check(word, groups)


def _check(word: str, groups: set[str]) -> None:
    key, _, value = word.partition("=")
    try:
        override = OverridesParser.create().parse_override(word)
    except HydraException as error:
        cause = " ".join(str(error).split()).removesuffix(f"See https{str(error).partition('See https')[2]}")
        remedy = f"is not KEY=VALUE in Hydra's grammar ({cause}); put quotes around brackets, spaces and signs"
        if key.lstrip("+") == "train.parameters":
            remedy = f"{remedy}, or give a list of names with *, as in train.parameters=[model.layers.1.mlp.*]"
        raise InputError(key, value, remedy) from error
    if not override.key_or_group:
        raise InputError("=", value, f"{word} has no key; give KEY=VALUE")
    plain = override.is_add() or override.is_delete() or override.is_sweep_override()
    if override.key_or_group in groups and not plain and not isinstance(override.value(), str | list):
        raise InputError(key, value, f"{key} is a group; give the name of one of its options, or none where there is one")
