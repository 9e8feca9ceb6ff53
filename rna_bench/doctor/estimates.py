"""Estimates of the bytes and floating-point operations of a run, from the dimensions of its model; not measured on a GPU.

Symbols: d hidden size, f the MLP's, q and k widths of queries and of keys, v vocabulary, L layers, P parameters of a layer (all
layers have the same size), e bytes per element, n tokens in a batch, `first` the lowest trained layer, `last` the last to run.
"""

from rna_bench.models.architecture import Architecture
from rna_bench.models.chunks import chunk_elements


def logits_bytes(device_type: str) -> int:
    """Return the bytes of a chunk of logits of policy and reference: in bf16, in fp32, as log-probabilities, and fp32 gradients."""
    return chunk_elements(device_type) * 28


def state_bytes(trained: int, element: int) -> int:
    """Return 4 e trained: a frozen copy, a gradient and Adam's two moments of each trained element, all in the weights' dtype."""
    return 4 * element * trained


def master_state_bytes(trained: int, element: int) -> int:
    """Return (2 e + 12) trained: frozen copy and gradient in the weights' dtype; fp32 copy and both moments in fp32."""
    return (2 * element + 12) * trained


def uphill_bytes(trained: int, element: int) -> int:
    """Return 2 e trained: with a sharpness radius, the move uphill of each trained element and what it was before."""
    return 2 * element * trained


def layer_bytes(architecture: Architecture, element: int, *, trained: bool) -> int:
    """Return the bytes that autograd stores per token of a layer: 4 d norms (+ 4 (q + k)) + e (2 q + 2 k + 3 f + f if trained).

    In GPT-NeoX's layout e (d + 3 q + 3 k + f + f if trained): both norms read one input, in the weights' dtype; queries, keys and
    values are parts of one tensor, which the values keep; and the MLP has no gate.

    Norms store their input in fp32; attention stores queries, keys, values and output; the MLP stores both its halves and the
    gate's activation, and a trained down_proj its input. Frozen matrices store nothing.
    """
    d, f = architecture.hidden_size, architecture.intermediate_size
    q, k = architecture.heads * architecture.head_dim, architecture.kv_heads * architecture.head_dim
    if architecture.names.parallel:
        return element * (d + 3 * q + 3 * k + (2 if trained else 1) * f)
    norms = 4 * d * architecture.norms + (4 * (q + k) if architecture.qk_norm else 0)
    return norms + element * (2 * q + 2 * k + (4 if trained else 3) * f)


def kept_bytes(architecture: Architecture, element: int, first: int, last: int, trained_layers: int) -> int:
    """Return the bytes that autograd stores per token in layers `first` to `last`: e f in the first, `layer_bytes` in the others.

    In the first layer only the input of down_proj is stored, as nothing before it needs a gradient.
    """
    if last < first:
        return 0
    above = min(trained_layers - 1, last - first)
    frozen = last - first - above
    stored = above * layer_bytes(architecture, element, trained=True) + frozen * layer_bytes(architecture, element, trained=False)
    return element * architecture.intermediate_size + stored


def whole_kept_bytes(architecture: Architecture, element: int, first: int, last: int, trained_layers: int) -> int:
    """Return the same if all weights of a layer are trained: `layer_bytes` for each layer, + 4 e d for each trained one.

    Trained norms store the normalised input, and trained matrices their input: two norms and their outputs, d each. In GPT-NeoX's
    layout it is 3 e d: the two norms' outputs, and what attention gives to its last matrix.
    """
    trained = min(trained_layers, last - first + 1)
    frozen = last - first + 1 - trained
    whole = (
        layer_bytes(architecture, element, trained=True)
        + (3 if architecture.names.parallel else 4) * element * architecture.hidden_size
    )
    return trained * whole + frozen * layer_bytes(architecture, element, trained=False)


def checkpointed_bytes(architecture: Architecture, element: int, first: int, last: int) -> int:
    """Return the same with gradient checkpointing: e d for each checkpointed layer, and one whole layer at a time."""
    return (last - first + 1) * element * architecture.hidden_size + layer_bytes(architecture, element, trained=True)


def eager_bytes(architecture: Architecture, element: int, length: int) -> int:
    """Return the bytes per token that eager attention stores besides in a layer: the softmax in fp32 and in the weights' dtype."""
    return architecture.heads * length * (4 + element * (element < 4))


def working_bytes(architecture: Architecture, element: int) -> int:
    """Return the temporary bytes of a running layer per token: 8 d (a norm in fp32) + e (3 f + 3 d)."""
    d, f = architecture.hidden_size, architecture.intermediate_size
    return 8 * d + element * (3 * f + 3 * d)


def cache_bytes(architecture: Architecture, element: int) -> int:
    """Return the bytes of a token's keys and values in all layers: 2 e L k."""
    return 2 * element * architecture.layers * architecture.kv_heads * architecture.head_dim


def pass_flops(
    architecture: Architecture,
    tokens: int,
    first: int,
    last: int,
    trained: int,
    *,
    reference: bool,
    head: bool,
    shared: bool = True,
) -> int:
    """Return the operations of one side (forget or retain) of a training step.

    Forward 2 n P (last + 1); backward 2 n P (last - first) for activations + 2 n trained for weights; the reference model
    2 n P (last - first + 1) where layers below are `shared`, else 2 n P (last + 1); the head 2 n d v for forward, backward and
    reference. Attention's own products are left out: at 512 tokens they are about 1% of a 7B model's.
    """
    layers = (last + 1) + (last - first) + (last + 1 - (first if shared else 0) if reference else 0)
    heads = (3 if reference else 2) * architecture.hidden_size * architecture.vocab_size if head else 0
    return 2 * tokens * (architecture.layer_parameters * layers + trained + heads)


def adversary_flops(architecture: Architecture, tokens: int, first: int, layer: int) -> int:
    """Return 2 n P (L - first) forward, 2 n P (L - 1 - layer) backward to the output of `layer`, 4 n d v of the head.

    One pass of an adversary, which changes no weights, from layer `first`.
    """
    layers = (architecture.layers - first) + (architecture.layers - 1 - layer)
    return 2 * tokens * (architecture.layer_parameters * layers + 2 * architecture.hidden_size * architecture.vocab_size)


def scoring_flops(architecture: Architecture, tokens: int) -> int:
    """Return 2 n P L: the head, which runs at one position per prompt, is left out."""
    return 2 * tokens * architecture.layer_parameters * architecture.layers


def hours(flops: float, tflops: float) -> float:
    """Return the time at a rate of `tflops` 10^12 operations per second."""
    return flops / (tflops * 1e12) / 3600
