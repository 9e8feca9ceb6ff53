"""Bytes and floating point operations of a run, from the dimensions of its model. Estimates: none was measured on a GPU.

Symbols: d hidden size, f the MLP's, q and k widths of queries and of keys, v vocabulary, L layers, P parameters of a layer (all of
one size), e bytes an element, n tokens of a batch, `first` the lowest trained layer, `last` the highest that is run.
"""

from rna_bench.models.architecture import Architecture
from rna_bench.models.chunks import CHUNK_ELEMENTS

LOGITS_BYTES = CHUNK_ELEMENTS * 28
"""A chunk of logits of policy and reference: each in 2 bytes, in fp32, as log-probabilities in fp32 and with a gradient in fp32."""


def state_bytes(trained: int, element: int) -> int:
    """Return 4 e trained: of each trained element a frozen copy, a gradient and two moments of Adam, all in the weights' dtype."""
    return 4 * element * trained


def layer_bytes(architecture: Architecture, element: int, *, trained: bool) -> int:
    """Return what autograd keeps of a layer for a token: 4 d norms (+ 4 (q + k)) + e (2 q + 2 k + 3 f + f if trained).

    Norms keep their input in fp32, attention its queries, keys, values and output, the MLP both its halves and the gate's
    activation; a trained down_proj its input, too. Frozen matrices keep nothing.
    """
    d, f = architecture.hidden_size, architecture.intermediate_size
    q, k = architecture.heads * architecture.head_dim, architecture.kv_heads * architecture.head_dim
    norms = 4 * d * architecture.norms + (4 * (q + k) if architecture.qk_norm else 0)
    return norms + element * (2 * q + 2 * k + (4 if trained else 3) * f)


def kept_bytes(architecture: Architecture, element: int, first: int, last: int, trained_layers: int) -> int:
    """Return what autograd keeps for a token from layer `first` to `last`: e f of the first, and `layer_bytes` of the others.

    Of the first layer only what enters down_proj has to be kept: what comes before it needs no gradient.
    """
    if last < first:
        return 0
    above = min(trained_layers - 1, last - first)
    frozen = last - first - above
    kept = above * layer_bytes(architecture, element, trained=True) + frozen * layer_bytes(architecture, element, trained=False)
    return element * architecture.intermediate_size + kept


def whole_kept_bytes(architecture: Architecture, element: int, first: int, last: int, trained_layers: int) -> int:
    """Return the same where all weights of layers are trained: `layer_bytes` of each, + 4 e d of a trained one.

    Trained norms keep what they scale, and trained matrices what enters them: two norms and their outputs of d each.
    """
    trained = min(trained_layers, last - first + 1)
    frozen = last - first + 1 - trained
    whole = layer_bytes(architecture, element, trained=True) + 4 * element * architecture.hidden_size
    return trained * whole + frozen * layer_bytes(architecture, element, trained=False)


def checkpointed_bytes(architecture: Architecture, element: int, first: int, last: int) -> int:
    """Return the same with gradient checkpointing: e d for each layer that is run again, and one whole layer at a time."""
    return (last - first + 1) * element * architecture.hidden_size + layer_bytes(architecture, element, trained=True)


def working_bytes(architecture: Architecture, element: int) -> int:
    """Return what a layer at work holds for a token, beside what is kept: 8 d (a norm in fp32) + e (3 f + 3 d)."""
    d, f = architecture.hidden_size, architecture.intermediate_size
    return 8 * d + element * (3 * f + 3 * d)


def cache_bytes(architecture: Architecture, element: int) -> int:
    """Return the keys and values of a token in all layers: 2 e L k."""
    return 2 * element * architecture.layers * architecture.kv_heads * architecture.head_dim


def pass_flops(architecture: Architecture, tokens: int, first: int, last: int, trained: int, *, reference: bool, head: bool) -> int:
    """Return the operations of one side (forget or retain) of a training step.

    Forward 2 n P (last + 1); backward 2 n P (last - first) for activations + 2 n trained for weights; the reference model
    2 n P (last - first + 1), as layers below are shared; the head 2 n d v for forward, backward and reference. Attention's own
    products are left out: at 512 tokens they are about 1% of a 7B model's.
    """
    layers = (last + 1) + (last - first) + (last - first + 1 if reference else 0)
    heads = (3 if reference else 2) * architecture.hidden_size * architecture.vocab_size if head else 0
    return 2 * tokens * (architecture.layer_parameters * layers + trained + heads)


def scoring_flops(architecture: Architecture, tokens: int) -> int:
    """Return 2 n P L: the head runs at one position of a prompt only, on four rows at best."""
    return 2 * tokens * architecture.layer_parameters * architecture.layers


def hours(flops: float, tflops: float) -> float:
    """Return how long that takes at so many 10^12 operations a second."""
    return flops / (tflops * 1e12) / 3600
