"""The outcome of a run as a file: the trained tensors alone, which on top of the base model are the unlearned one."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from rna_bench.core.types import InputError


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Save the tensors as they are now; a full disk is an OSError, as with any other file."""
    try:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path, metadata=dict(metadata))
    except SafetensorError as error:
        raise OSError(0, " ".join(str(error).split())) from error


def save_delta(path: Path, tensors: Mapping[str, Tensor], base: Mapping[str, str]) -> None:
    """Save the tensors as they are now, under their names in the model; `base` says what they belong on."""
    save_tensors(path, tensors, base)


@torch.no_grad()
def apply_delta(path: Path, model: PreTrainedModel) -> None:
    """Put the saved tensors into the base model, in place."""
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
