"""The result of a run as a file: only the trained tensors, which replace those of the base model."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from rna_bench.core.types import InputError


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Save the tensors; a full disk raises OSError, as with any other file."""
    try:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path, metadata=dict(metadata))
    except SafetensorError as error:
        raise OSError(0, " ".join(str(error).split())) from error


def save_delta(path: Path, tensors: Mapping[str, Tensor], base: Mapping[str, str]) -> None:
    """Save the tensors under their names in the model; `base` is metadata that identifies the base model."""
    save_tensors(path, tensors, base)


@torch.no_grad()
def apply_delta(path: Path, model: PreTrainedModel) -> None:
    """Copy the saved tensors into the base model, in place."""
    named = dict(model.named_parameters())
    try:
        saved = load_file(path)
    except (OSError, SafetensorError) as error:
        cause = " ".join(str(error).split())
        raise InputError("delta", path, f"cannot be read ({cause}); run again") from error
    for name, tensor in saved.items():
        if name not in named or named[name].shape != tensor.shape:
            raise InputError("delta", path, f"does not fit the base model ({name}); run again")
    for name, tensor in saved.items():
        named[name].copy_(tensor)


@contextmanager
def applied(path: Path, model: PreTrainedModel) -> Iterator[dict[str, Tensor]]:
    """Put the saved tensors into the base model, yield the base model's own by name, and put them back at the end."""
    named = dict(model.named_parameters())
    own = {name: named[name].detach().clone() for name in _names(path) if name in named}
    apply_delta(path, model)
    try:
        yield own
    finally:
        with torch.no_grad():
            for name, tensor in own.items():
                named[name].copy_(tensor)


def _names(path: Path) -> list[str]:
    """Return the names of the saved tensors; none of a file that cannot be read, which `apply_delta` reports."""
    try:
        with safe_open(path, framework="pt") as file:
            return list(file.keys())
    except (OSError, SafetensorError):
        return []
