"""The dimensions of a decoder-only transformer, and the names, shapes and number of its parameters that follow from them."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from rna_bench.core.types import InputError

Shape = tuple[int, ...]
Parameters: TypeAlias = str | list[str]
"""The tensors to train: a regular expression for whole names, or a list of names in which * stands for any characters."""
NORMS = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm")


@dataclass(frozen=True)
class Architecture:
    """Dimensions of a Llama-like decoder without biases (Llama, Mistral, Qwen3, Gemma-3), as in its config.json.

    `model_type` is the name in transformers. `decoder` is the prefix of the tensors' names. `norms` is the number of RMS norms
    of the hidden size in a layer (Gemma-3: 4); `qk_norm` says whether queries and keys have norms of `head_dim`, too.
    `other_parameters` counts those outside the decoder, such as a vision tower's.
    """

    model_type: str
    layers: int
    hidden_size: int
    intermediate_size: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab_size: int
    context: int
    tied_embeddings: bool
    sliding_window: int | None = None
    norms: int = 2
    qk_norm: bool = False
    decoder: str = "model"
    other_parameters: int = 0

    def layer_tensors(self) -> dict[str, Shape]:
        """Return name and shape of each tensor of a layer; all layers are alike."""
        d, f, queries, keys = self.hidden_size, self.intermediate_size, self.heads * self.head_dim, self.kv_heads * self.head_dim
        attention: dict[str, Shape] = {"q_proj": (queries, d), "k_proj": (keys, d), "v_proj": (keys, d), "o_proj": (d, queries)}
        if self.qk_norm:
            attention |= {"q_norm": (self.head_dim,), "k_norm": (self.head_dim,)}
        mlp: dict[str, Shape] = {"gate_proj": (f, d), "up_proj": (f, d), "down_proj": (d, f)}
        named = {f"self_attn.{name}": shape for name, shape in attention.items()} | {f"mlp.{name}": mlp[name] for name in mlp}
        return {f"{name}.weight": shape for name, shape in (named | dict.fromkeys(NORMS[: self.norms], (d,))).items()}

    def tensors(self) -> dict[str, Shape]:
        """Return name and shape of every tensor of the decoder and its head; tied embeddings count once."""
        d, v = self.hidden_size, self.vocab_size
        layers = ((f"{self.decoder}.layers.{i}.{name}", s) for i in range(self.layers) for name, s in self.layer_tensors().items())
        ends: dict[str, Shape] = {f"{self.decoder}.embed_tokens.weight": (v, d), f"{self.decoder}.norm.weight": (d,)}
        return ends | dict(layers) | ({} if self.tied_embeddings else {"lm_head.weight": (v, d)})

    @property
    def layer_parameters(self) -> int:
        """2 d q + 2 d k + 3 d f + norms d (+ 2 head_dim), with q and k the widths of queries and keys, f the MLP's."""
        return sum(map(math.prod, self.layer_tensors().values()))

    @property
    def parameters(self) -> int:
        """Layers x `layer_parameters` + d (the final norm) + v d (2 v d if untied) + `other_parameters`."""
        return sum(map(math.prod, self.tensors().values())) + self.other_parameters

    def matching(self, parameters: Parameters) -> dict[str, Shape]:
        """Return the tensors that `train.parameters` names."""
        pattern = tensor_pattern(parameters)
        return {name: shape for name, shape in self.tensors().items() if pattern.fullmatch(name)}

    def layer_of(self, name: str) -> int | None:
        """Return the number of the layer that a tensor belongs to, or None for a tensor outside the layers."""
        match = re.match(rf"{re.escape(self.decoder)}\.layers\.(\d+)\.", name)
        return int(match[1]) if match else None


def named_layers(parameters: Parameters) -> list[int]:
    r"""Return the numbers of layers that `train.parameters` spells out, as in layers\.(5|6|7) or layers\.7."""
    pattern = tensor_pattern(parameters).pattern
    return [int(number) for group in re.findall(r"layers\\\.\(?(\d+(?:\|\d+)*)(?=\)|\\)", pattern) for number in group.split("|")]


def tensor_pattern(parameters: Parameters) -> re.Pattern[str]:
    """Return `train.parameters` as a compiled regular expression; anything else than one, or a list of names, raises InputError."""
    names: Any = parameters
    named = isinstance(names, list) and bool(names) and all(isinstance(name, str) and name for name in names)
    if not named and not isinstance(parameters, str):
        remedy = "give a regular expression, or a list of names with *, as in train.parameters=[model.layers.1.mlp.*]"
        raise InputError("train.parameters", parameters, remedy)
    if not isinstance(parameters, str):
        return re.compile("|".join(re.escape(name).replace(r"\*", ".*") for name in names))
    try:
        return re.compile(parameters)
    except re.error as error:
        remedy = f"is not a valid regular expression ({error}); correct it, or give a list of names with *"
        raise InputError("train.parameters", parameters, remedy) from error


def parameters_text(parameters: Parameters) -> str:
    """Return `train.parameters` as it is typed."""
    return parameters if isinstance(parameters, str) else f"[{','.join(parameters)}]"


def check_names(parameters: Parameters, tensors: Iterable[str], example: str) -> None:
    """Raise InputError unless some of a model's tensors match, and for a list of names some match each."""
    present = list(tensors)
    for one in [parameters] if isinstance(parameters, str) else [[name] for name in parameters]:
        pattern = tensor_pattern(one)
        if not any(pattern.fullmatch(name) for name in present):
            named = "" if isinstance(one, str) else f"{one[0]} "
            remedy = f"{named}matches no tensor of the model; one is called {example}"
            raise InputError("train.parameters", parameters_text(parameters), remedy)
