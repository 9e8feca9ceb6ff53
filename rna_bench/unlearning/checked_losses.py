"""Losses as the training loop calls them: of a class that does not keep what it declares, InputError names the class."""

from typing import Any

import torch
from torch import Tensor

from rna_bench.core.own_code import class_path
from rna_bench.core.types import InputError
from rna_bench.unlearning.config import Method, RetainLoss
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.noise import Side


def forget_loss(method: Method, passes: Passes, control_vector: Any) -> Tensor:
    """Return the method's forget loss, checked."""
    loss = method.forget_loss(passes, control_vector)
    _check_number("method", method, "forget_loss", loss)
    _check_reference("method", method, passes, Side.forget)
    return loss


def retain_loss(loss: RetainLoss, passes: Passes) -> Tensor:
    """Return the retain loss, checked."""
    value = loss.retain_loss(passes)
    _check_number("retain", loss, "retain_loss", value)
    _check_reference("retain", loss, passes, Side.retain)
    return value


def _check_number(section: str, owner: Method | RetainLoss, name: str, loss: object) -> None:
    """Raise InputError unless the loss is a tensor of one number, in training with a gradient."""
    if not isinstance(loss, Tensor):
        problem = f"returns {'nothing' if loss is None else f'a {type(loss).__name__}'}; return a tensor of one number"
    elif loss.numel() != 1:
        problem = f"returns a tensor of shape {tuple(loss.shape)}; return one number, such as its mean"
    elif torch.is_grad_enabled() and not loss.requires_grad:
        problem = "returns a number without a gradient; compute it from the policy's passes, without .item() or .detach()"
    else:
        return
    raise InputError(f"{section}._target_", class_path(owner), f"its {name} {problem}")


def _check_reference(section: str, owner: Method | RetainLoss, passes: Passes, side: Side) -> None:
    """Raise InputError if the loss read the reference model and does not say so: noise there would be taken for without effect."""
    if not owner.reads_reference and passes.reference_was_read(side):
        problem = f"reads the reference model on {side.value} inputs; declare reads_reference = True"
        raise InputError(f"{section}._target_", class_path(owner), problem)
