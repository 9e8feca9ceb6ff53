"""The dimensions of a model in a folder, read from its config.json as transformers reads it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub.errors import StrictDataclassError

from rna_bench.core.types import InputError
from rna_bench.models.architecture import Architecture

COMPARED = {
    "model_type": "model_type",
    "layers": "num_hidden_layers",
    "hidden_size": "hidden_size",
    "intermediate_size": "intermediate_size",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "vocab_size": "vocab_size",
}
"""Dimensions that tell one model from another, and their keys in config.json."""
NOT_DERIVED = ("head_dim", "tie_word_embeddings")
"""Keys that a config.json may leave out, whose value then depends on the type of the model."""


class _Contents(NamedTuple):
    """A config.json: its model_type, the values of its text decoder, and whether it has others beside that."""

    model_type: str
    text: Mapping[str, Any]
    multimodal: bool


def first_difference(declared: Architecture, folder: Path) -> str:
    """Return the first dimension in which a folder's config.json differs from those declared, "" if there is none to compare."""
    read = _read(folder)
    if not read:  # what a folder lacks is reported where it is loaded
        return ""
    actual = {name: read.text.get(key) for name, key in COMPARED.items()} | {"model_type": read.model_type}
    actual["kv_heads"] = actual["kv_heads"] or actual["heads"]
    names = [name for name, value in actual.items() if value != vars(declared)[name]]
    return f"{names[0]} {actual[names[0]]} in its config.json, where the model has {vars(declared)[names[0]]}" if names else ""


def read_architecture(folder: Path) -> Architecture | None:
    """Return the dimensions in a folder's config.json, or None if it does not exist or does not have them.

    Other decoders are treated as Llama-like, which is close enough for an estimate. What a config.json leaves out has the
    default of its type in transformers; for a type that transformers does not know, nothing is guessed: InputError names the key.
    """
    read = _read(folder)
    lacking = [key for key in NOT_DERIVED if read and key not in read.text]
    if read and lacking:
        remedy = f"its config.json has no {lacking[0]}, and transformers knows no model_type {read.model_type} to take it from"
        raise InputError("model.path", folder, f"{remedy}; add it there")
    try:
        return _of(read) if read else None
    except (KeyError, TypeError, ValueError):
        return None


def _read(folder: Path) -> _Contents | None:
    from transformers import CONFIG_MAPPING

    try:
        whole = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        model_type = str(whole["model_type"])
        if model_type not in CONFIG_MAPPING:
            return _Contents(model_type, whole.get("text_config", whole), "text_config" in whole)
        config = CONFIG_MAPPING[model_type].from_dict(whole)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StrictDataclassError):
        return None
    text = config.get_text_config()
    tied = config.to_dict().get("tie_word_embeddings", False)
    return _Contents(model_type, {"head_dim": None, **text.to_dict(), "tie_word_embeddings": tied}, text is not config)


def _of(read: _Contents) -> Architecture:
    text, family = read.text, read.model_type
    return Architecture(
        model_type=family,
        layers=int(text["num_hidden_layers"]),
        hidden_size=int(text["hidden_size"]),
        intermediate_size=int(text["intermediate_size"]),
        heads=int(text["num_attention_heads"]),
        kv_heads=int(text.get("num_key_value_heads") or text["num_attention_heads"]),
        head_dim=int(text["head_dim"] or text["hidden_size"] // text["num_attention_heads"]),
        vocab_size=int(text["vocab_size"]),
        context=int(text["max_position_embeddings"]),
        tied_embeddings=bool(text["tie_word_embeddings"]),
        sliding_window=text.get("sliding_window"),
        norms=4 if family.startswith("gemma3") else 2,
        qk_norm=family.startswith(("gemma3", "qwen3")),
        decoder="model.language_model" if read.multimodal else "model",
    )
