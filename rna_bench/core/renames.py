"""Names that configurations were written with, and what they are called now."""

import logging
from collections.abc import Sequence

MOVED = {
    "rna_bench.models.noise": "rna_bench.unlearning.noise",
    "rna_bench.unlearning.loop": "rna_bench.unlearning.config",
    "rna_bench.unlearning.recipe": "rna_bench.unlearning.config",
    "rna_bench.unlearning.retain": "rna_bench.unlearning.retain_losses",
    "rna_bench.unlearning.state": "rna_bench.unlearning.checkpoint",
    "rna_bench.data.topics": "rna_bench.data.hub_corpus",
    "rna_bench.search.request": "rna_bench.sweep.search.plan",
    "rna_bench.search.objectives": "rna_bench.sweep.search.objectives",
}
"""Modules whose classes configurations name, and where those classes are now."""
KEYS: dict[str, str] = {"train.accumulation": "train.micro_batches"}
"""Keys of a command line, and what they are called now."""


def moved(target: str) -> str:
    """Return where the class is now that was at an import path."""
    module, _, name = target.rpartition(".")
    return f"{MOVED.get(module, module)}.{name}"


def renamed_overrides(overrides: Sequence[str]) -> list[str]:
    """Return KEY=VALUE words of a command line under their present keys, with a warning for each old one; others as they are."""
    return [_renamed(word) for word in overrides]


def _renamed(word: str) -> str:
    key, equals, value = word.partition("=")
    name = key.lstrip("+~")
    if name not in KEYS:
        return word
    logging.getLogger(__name__).warning("%s is now called %s", name, KEYS[name])
    return f"{key.removesuffix(name)}{KEYS[name]}{equals}{value}"
