"""From a model and a pattern to a policy: which tensors are trained, and whether the model can be cut below and above them."""

import re
from collections.abc import Mapping

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from rna_bench.core.types import Batch, InputError
from rna_bench.models import segments
from rna_bench.models.segments import Policy


def policy_of(model: PreTrainedModel, pattern: str) -> Policy:
    """Freeze all tensors but those whose whole name matches `pattern`, and keep copies of these as the reference.

    The model is tried: where running it in two pieces does not give what running it whole gives, it is not cut.
    """
    trained = _chosen(model, pattern)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trained)
    frozen = {name: parameter.detach().clone() for name, parameter in trained.items()}
    layers = decoder_layers(model)
    first = _lowest(layers, trained)
    if first is None:
        return Policy(model, layers, trained, frozen, 0, "a trained tensor lies outside the decoder layers")
    policy = Policy(model, layers, trained, frozen, first, "")
    problem = _trial(policy)
    return Policy(model, layers, trained, frozen, 0, problem) if problem else policy


def decoder_layers(model: PreTrainedModel) -> nn.ModuleList:
    """Return the list of decoder layers: the first module list as long as the configuration says the model is deep.

    It is looked for in the text decoder alone: a vision tower can be as deep.
    """
    depth = model.config.get_text_config().num_hidden_layers
    return next(m for m in model.get_decoder().modules() if isinstance(m, nn.ModuleList) and len(m) == depth)


def checkpoint_layers(policy: Policy) -> None:
    """Let layers from the first trained one on keep only what enters them, and run again in the backward pass."""
    for layer in policy.layers[policy.first :]:
        if not isinstance(layer, GradientCheckpointingLayer):
            raise InputError("train.gradient_checkpointing", True, "this architecture does not know it; give false")
    policy.model.gradient_checkpointing_enable({"use_reentrant": False})
    for layer in policy.layers[policy.first :]:
        layer.training = True  # the layer alone, not what is in it: dropout stays off


def _chosen(model: PreTrainedModel, pattern: str) -> dict[str, nn.Parameter]:
    named = dict(model.named_parameters())
    try:
        chosen = {name: parameter for name, parameter in named.items() if re.fullmatch(pattern, name)}
    except re.error as error:
        raise InputError("train.parameters", pattern, f"is no regular expression ({error}); mend it") from error
    if not chosen:
        example = list(named)[len(named) // 2]
        raise InputError("train.parameters", pattern, f"matches no tensor of the model; one is called {example}")
    return chosen


def _lowest(layers: nn.ModuleList, trained: Mapping[str, nn.Parameter]) -> int | None:
    """Return the lowest layer with a trained tensor; None when a trained tensor belongs to no layer."""
    owner = {id(parameter): number for number, layer in enumerate(layers) for parameter in layer.parameters()}
    numbers = [owner.get(id(parameter)) for parameter in trained.values()]
    return None if None in numbers else min(number for number in numbers if number is not None)


@torch.no_grad()
def _trial(policy: Policy) -> str:
    """Return why the model cannot be cut, or "" when its pieces give what the whole gives."""
    ids = torch.arange(3, 19, device=policy.device).reshape(2, 8) % policy.model.config.get_text_config().vocab_size
    batch = Batch(ids, torch.ones_like(ids), torch.ones_like(ids), None)
    whole = segments.logits(policy, batch)
    seam = max(policy.first, 1)
    try:
        below = segments.hidden(policy, batch, seam - 1)
        pieces = segments.head(policy, segments.final(policy, batch, start=seam, entry=below).flatten(0, 1))
    except (AttributeError, TypeError, ValueError, IndexError, RuntimeError) as error:
        return f"running it in pieces fails ({type(error).__name__}: {' '.join(str(error).split())})"
    bound = 1e-4 if whole.dtype == torch.float32 else 5e-2
    same = torch.allclose(pieces.float(), whole.flatten(0, 1).float(), rtol=bound, atol=bound)
    return "" if same else "running it in pieces gives other logits than running it whole"
