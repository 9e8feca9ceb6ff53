"""The section `attack` of a composed configuration: attacks by their names, each checked against its class."""

import re
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from rna_bench.attacks.protocol import Attack
from rna_bench.core.own_code import class_path
from rna_bench.core.schemas import build
from rna_bench.core.types import InputError

ATTACK = ("facts", "stages")
"""What the protocol Attack has."""
NAME = re.compile(r"\w+")


@dataclass(frozen=True)
class NamedAttack:
    """An attack, its name in records and tables, and its settings as they are recorded."""

    name: str
    attack: Attack
    config: dict[str, Any]

    @property
    def key(self) -> str:
        """Where its settings are in the configuration."""
        return f"attack.{self.name}"


def attacks_of(section: DictConfig, *, keep_delta: bool = True) -> tuple[NamedAttack, ...]:
    """Return the attacks of a configuration, in the order in which they were chosen; bad values raise InputError."""
    if section and not keep_delta:
        raise InputError(
            "keep_delta", "false", "attacks take the run's trained tensors; leave it out (`rna-bench clean` frees the space)"
        )
    return tuple(_named(str(name), node) for name, node in section.items())


def _named(name: str, node: DictConfig) -> NamedAttack:
    key = f"attack.{name}"
    if not NAME.fullmatch(name):
        raise InputError("attack", name, "names files, so give it letters, digits and _ alone")
    built = build(key, node)
    lacking = [one for one in ATTACK if not hasattr(built, one)]
    if lacking:
        remedy = f"lacks {', '.join(lacking)}; rna_bench/README.md shows what an attack has"
        raise InputError(f"{key}._target_", class_path(built), remedy)
    config: Any = OmegaConf.to_container(node, resolve=True)
    return NamedAttack(name, built, config)
