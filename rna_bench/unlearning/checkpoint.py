"""The state of training in one file, complete or absent: trained tensors, the optimiser's state, and the log so far.

Nothing else is needed to go on: texts and noise follow from the step, and control vectors from the untrained model.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from rna_bench.core.types import InputError
from rna_bench.models.delta import save_tensors
from rna_bench.unlearning.log import TrainingLog

TRAINING_LOG = TypeAdapter(TrainingLog)


@dataclass(frozen=True)
class CheckpointInterval:
    """How often training saves its state: every so many seconds, and every so many steps; 0 is never."""

    seconds: float
    steps: int

    def __post_init__(self) -> None:
        for key in ("seconds", "steps"):
            if not 0 <= vars(self)[key] < float("inf"):
                raise InputError(f"checkpoint.{key}", vars(self)[key], "give 0 for never, or more")

    def due(self, seconds: float, steps: int) -> bool:
        """Return whether a save is due, `seconds` after the last one and after `steps` steps."""
        return bool((self.seconds and seconds >= self.seconds) or (self.steps and steps % self.steps == 0))


def save_state(path: Path, trained: Mapping[str, Tensor], optimizer: torch.optim.Optimizer, log: TrainingLog) -> None:
    """Save trained tensors, optimiser and log as they are after a step."""
    state = optimizer.state_dict()
    entries = {f"{number}/{key}": value for number, own in state["state"].items() for key, value in own.items()}
    moments = {f"optimizer/{name}": value for name, value in entries.items() if isinstance(value, Tensor)}
    numbers = {name: value for name, value in entries.items() if not isinstance(value, Tensor)}
    try:
        rest = json.dumps({"numbers": numbers, "groups": state["param_groups"]})
    except TypeError as error:
        raise InputError("optimizer", type(optimizer).__name__, f"its state cannot be saved ({error})") from error
    metadata = {"log": TRAINING_LOG.dump_json(log).decode(), "optimizer": rest}
    save_tensors(path, {f"trained/{name}": tensor for name, tensor in trained.items()} | moments, metadata)


def load_state(path: Path, trained: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer) -> TrainingLog | None:
    """Load a saved state and return its log; None, with nothing changed, where there is none of these tensors."""
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  not a mapping
            metadata = file.metadata()
        log, rest = TRAINING_LOG.validate_json(metadata["log"]), json.loads(metadata["optimizer"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None
    saved = _below("trained", tensors)
    if _shapes(saved) != _shapes(trained):
        return None
    optimizer.load_state_dict({"state": _nested(_below("optimizer", tensors) | rest["numbers"]), "param_groups": rest["groups"]})
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(saved[name])
    return log


def _below(section: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{section}/"): tensor for name, tensor in tensors.items() if name.startswith(f"{section}/")}


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


def _nested(entries: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Return the optimiser's state by the number of its tensor, from entries called NUMBER/KEY."""
    states: dict[int, dict[str, Any]] = {}
    for name, value in entries.items():
        number, key = name.split("/", 1)
        states.setdefault(int(number), {})[key] = value
    return states
