"""Forward passes and noise as a training step makes them."""

import torch

from rna_bench.models.store import NULL_STORE
from rna_bench.unlearning.config import Steering
from rna_bench.unlearning.forward import Passes
from rna_bench.unlearning.noise import NO_NOISE, RNA, NoiseDraw, Unit
from rna_bench.unlearning.reference import CleanStates

REFUSALS = ["I don't know.", "not 1"]


def rna_draw(scale, layer, seed=7):
    """RNA of an absolute scale, drawn from a seed; none of scale 0."""
    return (
        NoiseDraw(RNA(scale, Unit.absolute, layer), {layer: scale}, 0, torch.Generator().manual_seed(seed)) if scale else NO_NOISE
    )


def passes_of(policy, layer, forget, retain, noise=NO_NOISE, answered=lambda answers, anew: None, logged=None):
    """Passes over a forget and a retain batch; `answered` makes a batch of answers."""
    logged = (layer if layer is not None else policy.last) if logged is None else logged
    return Passes(policy, layer, logged, forget, retain, answered, noise, CleanStates(policy, NULL_STORE))


def vector_of(method, passes, generator):
    """A method's control vector; None of one that steers nothing."""
    return method.control_vector(passes, generator) if isinstance(method, Steering) else None
