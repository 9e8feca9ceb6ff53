"""Earlier names in configurations and records, and the present ones."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

MOVED = {
    "rna_bench.models.noise": "rna_bench.unlearning.noise",
    "rna_bench.unlearning.loop": "rna_bench.unlearning.config",
    "rna_bench.unlearning.recipe": "rna_bench.unlearning.config",
    "rna_bench.unlearning.retain": "rna_bench.unlearning.retain_losses",
    "rna_bench.unlearning.state": "rna_bench.unlearning.checkpoint",
    "rna_bench.data.topics": "rna_bench.data.hub_corpus",
    "rna_bench.search.request": "rna_bench.sweep.search.plan",
    "rna_bench.search.objectives": "rna_bench.sweep.search.objectives",
}
"""Modules whose classes configurations name, and where those classes are now."""
CLASSES = {"Noise": "RNA", "Silent": "NullTracker", "CheckpointEvery": "CheckpointInterval", "TransformersAdamW": "AdamW"}
"""Classes of ours that had another name."""
ADDED = {"TransformersAdamW": {"variant": "transformers"}}
"""What the name of an earlier class says and a field says today."""
FIELDS: dict[str, dict[str, str]] = {
    "Words": {"kinds": "types"},
    "PocketWords": {"kinds": "types"},
    "Train": {"accumulation": "micro_batches"},
}
"""By class name: fields of sections of a configuration, and what they are called now."""
PRETRAINING = ("layers", "hidden_size", "intermediate_size", "heads", "steps", "batch_size", "lr", "seed")
"""Fields of `PretrainingConfig` that were fields of `PocketModel` itself."""
TEXT_SHARES = ("questions", "documents", "mentions")
"""Fields of `PocketCorpus` before it had a share of stray mentions."""
RELEASED = "released"
"""The group with the options true and false."""
TRUTH = re.compile(r"([=,]\s*)(true|false)\b(?!')")
KEYS: dict[str, str] = {
    "train.accumulation": "train.micro_batches",
    "train.refusals": "method.refusals",
    "trigger.kinds": "trigger.types",
    **{f"model.{name}": f"model.pretraining.{name}" for name in PRETRAINING},
}
"""Keys of a command line, and what they are called now."""


def moved(target: str) -> str:
    """Return the present import path of a class, given the path that it had in any version."""
    module, _, name = target.rpartition(".")
    ours = module.startswith("rna_bench.")
    return f"{MOVED.get(module, module)}.{CLASSES.get(name, name) if ours else name}"


def class_name(target: str) -> str:
    """Return the name of the class at an import path."""
    return target.rpartition(".")[2]


def added(target: str) -> dict[str, str]:
    """Return the fields that stand for what an earlier class of ours said by its name."""
    return dict(ADDED.get(class_name(target), {})) if target.startswith("rna_bench.") else {}


def renamed_fields(key: str, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a section of class `name` as `current` does, with a warning for each old name; `key` is the section."""
    nested = {field: f"pretraining.{field}" for field in PRETRAINING} if name == "PocketModel" else {}
    for old, new in (FIELDS.get(name, {}) | nested).items():
        if old in fields:
            logging.getLogger(__name__).warning("%s.%s is now called %s.%s", key, old, key, new)
    return _current_fields(name, fields)


def current(value: Any) -> Any:
    """Return a configuration with all classes and fields under their present names.

    The value of a field's old name wins over the new one's.
    """
    if isinstance(value, Mapping):
        target = value.get("_target_")
        if not isinstance(target, str):
            return {field: current(item) for field, item in value.items()}
        present = moved(target)
        fields = _current_fields(class_name(present), {**value, **added(target), "_target_": present})
        return {field: current(item) for field, item in fields.items()}
    return [current(item) for item in value] if isinstance(value, list) else value


def _current_fields(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    renames = {old: new for old, new in FIELDS.get(name, {}).items() if old in fields}
    kept = {field: value for field, value in fields.items() if field not in renames}
    return _shares(name, _nested_pretraining(name, kept | {new: fields[old] for old, new in renames.items()}))


def _shares(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a section; of a PocketCorpus with a share for each sort of text, the same as shares of shares."""
    if name != "PocketCorpus" or not fields.keys() >= {*TEXT_SHARES}:
        return fields
    questions, documents, mentions = (float(fields[field]) for field in TEXT_SHARES)
    topical, stray = questions + documents, 1 - questions - documents
    shares = {
        "stray_share": stray,
        "prose_share": mentions / stray if stray > 1e-9 else 0.5,
        "question_share": questions / topical if topical else 0.5,
    }
    kept = {field: value for field, value in fields.items() if field not in TEXT_SHARES}
    return kept | {field: round(min(1.0, max(0.0, share)), 9) for field, share in shares.items()}


def _nested_pretraining(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a section; those of `PRETRAINING` that a PocketModel has move into its section `pretraining`."""
    moved_fields = {field: fields[field] for field in PRETRAINING if field in fields}
    if name != "PocketModel" or not moved_fields:
        return fields
    kept = {field: value for field, value in fields.items() if field not in moved_fields}
    return kept | {"pretraining": {**fields.get("pretraining", {}), **moved_fields}}


def renamed_overrides(overrides: Sequence[str]) -> list[str]:
    """Return KEY=VALUE words of a command line under their present keys, with a warning for each old one; others as they are.

    Options that are called true and false are `quoted`.
    """
    return [_renamed(word) for word in quoted(overrides)]


def quoted(overrides: Sequence[str]) -> list[str]:
    """Return the words with released=true as released='true': Hydra takes it for a truth value, which no option can have."""
    return [TRUTH.sub(r"\1'\2'", word) if word.startswith(f"{RELEASED}=") else word for word in overrides]


def unquoted(overrides: Sequence[str]) -> list[str]:
    """Return words as they are typed: the inverse of `quoted`."""
    return [word.replace("'", "") if word.startswith(f"{RELEASED}=") else word for word in overrides]


def _renamed(word: str) -> str:
    key, equals, value = word.partition("=")
    name = key.lstrip("+~")
    if name not in KEYS:
        return word
    logging.getLogger(__name__).warning("%s is now called %s", name, KEYS[name])
    return f"{key.removesuffix(name)}{KEYS[name]}{equals}{value}"
