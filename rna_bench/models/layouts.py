"""The layouts of decoders: how their tensors are called, and which matrices a layer has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

Shape = tuple[int, ...]
Matrices = Callable[[int, int, int, int], dict[str, Shape]]
"""Names and shapes of a layer's matrices, of the hidden size, the MLP's, and the widths of queries and of keys."""


class Layout(Enum):
    """The family whose layers and names a model has."""

    llama = "llama"
    gpt_neox = "gpt_neox"


@dataclass(frozen=True)
class LayoutNames:
    """Names in a layout; `down_proj` is the MLP's last matrix. `biases` says whether matrices and norms of layers have them.

    `gated` says whether the MLP has a gate. `parallel` says whether attention and MLP read the same hidden states, through layer
    norms of their own, with queries, keys and values from one matrix.
    """

    embeddings: str
    last_norm: str
    down_proj: str
    matrices: Matrices
    biases: bool = False
    gated: bool = True
    parallel: bool = False


def _llama(d: int, f: int, q: int, k: int) -> dict[str, Shape]:
    attention = {"q_proj": (q, d), "k_proj": (k, d), "v_proj": (k, d), "o_proj": (d, q)}
    mlp = {"gate_proj": (f, d), "up_proj": (f, d), "down_proj": (d, f)}
    return {f"self_attn.{name}": shape for name, shape in attention.items()} | {f"mlp.{name}": mlp[name] for name in mlp}


def _gpt_neox(d: int, f: int, q: int, k: int) -> dict[str, Shape]:
    attention = {"attention.query_key_value": (q + 2 * k, d), "attention.dense": (d, q)}
    return attention | {"mlp.dense_h_to_4h": (f, d), "mlp.dense_4h_to_h": (d, f)}


LAYOUTS: Mapping[Layout, LayoutNames] = {
    Layout.llama: LayoutNames("embed_tokens", "norm", "mlp.down_proj", _llama),
    Layout.gpt_neox: LayoutNames(
        "embed_in", "final_layer_norm", "mlp.dense_4h_to_h", _gpt_neox, biases=True, gated=False, parallel=True
    ),
}
