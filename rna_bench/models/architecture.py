"""The dimensions of a decoder-only transformer, and the names, shapes and number of its parameters that follow from them."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from rna_bench.core.types import InputError
from rna_bench.models.layouts import LAYOUTS, Layout, LayoutNames, Shape

Parameters: TypeAlias = str | list[str]
"""The tensors to train: a regular expression for whole names, or a list of names in which * stands for any characters."""
NORMS = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm")


@dataclass(frozen=True)
class Architecture:
    """Dimensions of a Llama-like decoder without biases (Llama, Mistral, Qwen3, Gemma-3), or of GPT-NeoX, as in its config.json.

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
    layout: Layout = Layout.llama

    @property
    def names(self) -> LayoutNames:
        return LAYOUTS[self.layout]

    @property
    def example(self) -> str:
        """The name of a tensor that the paper's methods may train."""
        return f"{self.decoder}.layers.0.{self.names.down_proj}.weight"

    def layer_tensors(self) -> dict[str, Shape]:
        """Return name and shape of each tensor of a layer; all layers are alike."""
        d, queries, keys = self.hidden_size, self.heads * self.head_dim, self.kv_heads * self.head_dim
        shapes = self.names.matrices(d, self.intermediate_size, queries, keys) | dict.fromkeys(NORMS[: self.norms], (d,))
        if self.qk_norm:
            shapes |= dict.fromkeys(("self_attn.q_norm", "self_attn.k_norm"), (self.head_dim,))
        return self._with_biases(shapes)

    def tensors(self) -> dict[str, Shape]:
        """Return name and shape of every tensor of the decoder and its head; tied embeddings count once."""
        d, v = self.hidden_size, self.vocab_size
        layers = ((f"{self.decoder}.layers.{i}.{name}", s) for i in range(self.layers) for name, s in self.layer_tensors().items())
        embeddings: dict[str, Shape] = {f"{self.decoder}.{self.names.embeddings}.weight": (v, d)}
        ends = embeddings | self._with_biases({f"{self.decoder}.{self.names.last_norm}": (d,)})
        return ends | dict(layers) | ({} if self.tied_embeddings else {"lm_head.weight": (v, d)})

    def _with_biases(self, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
        weights = {f"{name}.weight": shape for name, shape in shapes.items()}
        return weights | ({f"{name}.bias": shape[:1] for name, shape in shapes.items()} if self.names.biases else {})

    @property
    def layer_parameters(self) -> int:
        """2 d q + 2 d k + 3 d f + norms d (+ 2 head_dim), with q and k the widths of queries and keys, f the MLP's.

        In GPT-NeoX's layout 2 d f in place of 3 d f, and a bias for each row of a matrix and each element of a norm.
        """
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


def check_names(parameters: Parameters, tensors: Iterable[str], example: str, key: str = "train.parameters") -> None:
    """Raise InputError, which names the `key`, unless some of a model's tensors match, and for a list of names some match each."""
    present = list(tensors)
    for one in [parameters] if isinstance(parameters, str) else [[name] for name in parameters]:
        pattern = tensor_pattern(one)
        if not any(pattern.fullmatch(name) for name in present):
            named = "" if isinstance(one, str) else f"{one[0]} "
            remedy = f"{named}matches no tensor of the model; one is called {example}"
            raise InputError(key, parameters_text(parameters), remedy)
