"""The outcome of a run as a file: the trained tensors alone, which on top of the base model are the unlearned one."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel

from rna_bench.schema import InputError


def save_delta(path: Path, tensors: Mapping[str, Tensor], base: Mapping[str, str]) -> None:
    """Save the tensors as they are now, under their names in the model; `base` says what they belong on."""
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path, metadata=dict(base))


@torch.no_grad()
def apply_delta(path: Path, model: PreTrainedModel) -> None:
    """Put the saved tensors into the base model, in place."""
    named = dict(model.named_parameters())
    try:
        with safe_open(path, framework="pt") as saved:  # pyright: ignore[reportGeneralTypeIssues]  untyped context manager
            for name in saved.keys():  # noqa: SIM118  not a mapping
                named[name].copy_(saved.get_tensor(name))
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError("delta", path, f"does not fit the base model or cannot be read ({error}); run again") from error
