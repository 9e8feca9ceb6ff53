"""Makes a policy of a model and a pattern: which tensors are trained, and whether the model can be split into segments."""

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from rna_bench.core.types import Batch, InputError
from rna_bench.models import segments
from rna_bench.models.architecture import Parameters, check_names, tensor_pattern
from rna_bench.models.segments import Policy


def policy_of(model: PreTrainedModel, parameters: Parameters) -> Policy:
    """Freeze all tensors except those that `parameters` names, and copy these as the reference.

    A trial run decides whether the model is split: only if two segments together give the same logits as the whole model.
    """
    trained = _matching(model, parameters)
    _freeze_others(model, trained)
    frozen = {name: parameter.detach().clone() for name, parameter in trained.items()}
    layers = decoder_layers(model)
    first = _lowest(layers, trained)
    if first is None:
        return Policy(model, layers, trained, frozen, 0, "a trained tensor is outside the decoder layers")
    policy = Policy(model, layers, trained, frozen, first, "")
    problem = _trial(policy)
    return Policy(model, layers, trained, frozen, 0, problem) if problem else policy


def attacked_tensors(model: PreTrainedModel, parameters: Parameters) -> dict[str, nn.Parameter]:
    """Return the tensors that an attack's `parameters` names; none at all raises InputError."""
    return _matching(model, parameters, "attack.*.parameters")


def train_only(model: PreTrainedModel, parameters: Parameters) -> list[nn.Parameter]:
    """Freeze all tensors except those that an attack's `parameters` names, and return these."""
    trained = attacked_tensors(model, parameters)
    _freeze_others(model, trained)
    return list(trained.values())


@contextmanager
def preserved(model: PreTrainedModel) -> Iterator[None]:
    """Give all tensors back the values that they have now, and whether they are trained, at the end. Copies are kept on the CPU."""
    own = [(parameter, parameter.detach().to("cpu", copy=True), parameter.requires_grad) for parameter in model.parameters()]
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, values, trained in own:
                parameter.copy_(values)
                parameter.requires_grad_(trained)
                parameter.grad = None


def decoder_layers(model: PreTrainedModel) -> nn.ModuleList:
    """Return the decoder layers: the first module list whose length is the number of layers in the configuration.

    Only the text decoder is searched, as a vision tower can have the same number of layers.
    """
    depth = model.config.get_text_config().num_hidden_layers
    return next(m for m in model.get_decoder().modules() if isinstance(m, nn.ModuleList) and len(m) == depth)


def checkpoint_layers(policy: Policy) -> None:
    """Turn on gradient checkpointing from the first trained layer: layers store their input only and run twice."""
    for layer in policy.layers[policy.first :]:
        if not isinstance(layer, GradientCheckpointingLayer):
            raise InputError("train.gradient_checkpointing", True, "this architecture does not support it; give false")
    policy.model.gradient_checkpointing_enable({"use_reentrant": False})
    for layer in policy.layers[policy.first :]:
        layer.training = True  # not its submodules: dropout stays off


def _freeze_others(model: PreTrainedModel, trained: Container[str]) -> None:
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trained)


def _matching(model: PreTrainedModel, parameters: Parameters, key: str = "train.parameters") -> dict[str, nn.Parameter]:
    """Return the tensors that `parameters` names; none at all raises InputError."""
    named, compiled = dict(model.named_parameters()), tensor_pattern(parameters)
    check_names(parameters, named, list(named)[len(named) // 2], key)
    return {name: parameter for name, parameter in named.items() if compiled.fullmatch(name)}


def _lowest(layers: nn.ModuleList, trained: Mapping[str, nn.Parameter]) -> int | None:
    """Return the lowest layer with a trained tensor, or None if a trained tensor belongs to no layer."""
    owner = {id(parameter): number for number, layer in enumerate(layers) for parameter in layer.parameters()}
    numbers = [owner.get(id(parameter)) for parameter in trained.values()]
    return None if None in numbers else min(number for number in numbers if number is not None)


@torch.no_grad()
def _trial(policy: Policy) -> str:
    """Return why the model cannot be split, or "" if its segments together give the same logits as the whole model."""
    ids = torch.arange(3, 19, device=policy.device).reshape(2, 8) % policy.model.config.get_text_config().vocab_size
    batch = Batch(ids, torch.ones_like(ids), torch.ones_like(ids), None)
    whole = segments.logits(policy, batch)
    split = max(policy.first, 1)
    try:
        below = segments.hidden(policy, batch, split - 1)
        pieces = segments.head(policy, segments.final(policy, batch, start=split, entry=below).flatten(0, 1))
    except (AttributeError, TypeError, ValueError, IndexError, RuntimeError) as error:
        return f"running it in segments fails ({type(error).__name__}: {' '.join(str(error).split())})"
    bound = 1e-4 if whole.dtype == torch.float32 else 5e-2
    same = torch.allclose(pieces.float(), whole.flatten(0, 1).float(), rtol=bound, atol=bound)
    return "" if same else "running it in segments gives different logits than running it whole"
