"""The section `attack` of a composed configuration: attacks by their names, each checked against its class."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from rna_bench.attacks.protocol import Attack
from rna_bench.core.own_code import class_path
from rna_bench.core.schemas import build
from rna_bench.core.types import InputError

ATTACK = ("facts", "stages")
"""What the protocol Attack has."""
AT = "at"
"""The key beside attacks that says after which steps of training they are tried."""
NAME = re.compile(r"\w+")


@dataclass(frozen=True)
class NamedAttack:
    """An attack, its name in records and tables, and its settings as they are recorded.

    It is tried on the state after the training step `at`; None, at the end.
    """

    name: str
    attack: Attack
    config: dict[str, Any]
    at: int | None = None

    @property
    def key(self) -> str:
        """Where its settings are in the configuration."""
        return f"attack.{self.name}"


def attacks_of(section: DictConfig, *, keep_delta: bool = True) -> tuple[NamedAttack, ...]:
    """Return the attacks of a configuration: those at the end in the order in which they were chosen, then those at its steps.

    Bad values raise InputError.
    """
    chosen = {str(name): node for name, node in section.items() if name != AT}
    steps = _steps(section.get(AT) or [])
    if steps and not chosen:
        raise InputError(f"attack.{AT}", steps, "is when attacks are tried, and none is chosen; give attack=[NAME,...]")
    if chosen and not keep_delta:
        raise InputError(
            "keep_delta", "false", "attacks take the run's trained tensors; leave it out (`rna-bench clean` frees the space)"
        )
    attacks = tuple(_named(name, node) for name, node in chosen.items())
    return (*attacks, *(replace(one, at=step) for step in steps for one in attacks))


def steps_of(attacks: Sequence[NamedAttack]) -> frozenset[int]:
    """Return the steps of training after which attacks are tried."""
    return frozenset(one.at for one in attacks if one.at is not None)


def check_steps(attacks: Sequence[NamedAttack], training: int) -> None:
    """Raise InputError unless all steps are before the end of a training of so many."""
    late = [step for step in steps_of(attacks) if step >= training]
    if late:
        what = f"training has {training} steps, whose end is attacked anyway" if training else "nothing is trained"
        raise InputError(f"attack.{AT}", max(late), f"{what}; give steps before it, or leave them out")


def _steps(given: Any) -> list[int]:
    steps = list(given) if isinstance(given, ListConfig) else [given] if given != [] else []
    if any(not isinstance(step, int) or isinstance(step, bool) or step < 1 for step in steps) or len({*steps}) < len(steps):
        raise InputError(f"attack.{AT}", given, "give different numbers of steps, 1 or more, as [30,60]")
    return sorted(steps)


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
