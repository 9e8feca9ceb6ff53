"""The identity of a run: a hash over what determines its result, under public names, and over nothing else.

The public name of one of the package's own classes is the class's name, wherever it lies: moving a class changes no identity. A
class from elsewhere has its whole import path, so that it is never mistaken for one of ours.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

PACKAGE = "rna_bench."
SOURCES = ("nu", "nu_unit", "nu_layer", "adamw", "released")
"""Keys that other keys take their values from."""
OUTSIDE = ("results_dir", "sweep", "tracker", "launcher", "reuse", "checkpoint", "keep_delta", "attack", *SOURCES)
"""Sections and keys without effect on the result: where it is stored, which tracker logs it, how it is started and resumed."""
TRAINING = ("retain", "noise", "train", "optimizer", "topics", "corpus")
"""Sections without effect where nothing is trained."""
BASE, NAME = "base", "name"
"""Keys that only the configuration of a checkpoint has: where the model is that it was made from, and what tables call it.

That of a gold reference (`method=retrained`) has a base and no name.
"""
HAZARDS, STATED = "hazards", "stated"
"""The key of a model that is or is not a gold reference, and its value where it is not."""
NAMED_MODEL, NO_BASE = "model", "none"
"""Values of `base` that are no folder: the model that model= names, and no base."""
HELD_OUT = "heldout"
"""The section of held-out text. Records have it where it is not the pocket world's own: earlier ones have no such section."""
POCKET_TEXT = "PocketHeldOut"
GENERATION = "generation"
"""The section of continuations. Records have it where there are any."""
FINGERPRINTED = ("dataset", "corpus", BASE, HELD_OUT)
"""Sections whose content is in the fingerprints, word by word: where it came from makes no difference."""
WITHOUT_EFFECT = {
    # the files have a fingerprint
    "model": ("path", "name", "repo", "revision", "architecture", "world", "pretraining", HAZARDS),
    "train": ("gradient_checkpointing",),  # the same numbers in less memory
    "scoring": ("stderr",),  # which questions it leaves out is in their fingerprint
}
"""Keys of a section that do not affect the result."""
ADAMW, MASTER_WEIGHTS = "AdamW", "master_weights"
"""Our optimiser, and its key that records have only where it has an effect: true, and weights that are not fp32."""
SAMPLING = ("sample", "sample_seed")
"""Keys of a dataset's section that say how many of its questions are asked, whatever its class."""
LATER: dict[str, dict[str, Any]] = {
    "Train": {"reference_attention": "masked", "sharpness_radius": 0.0},
    "KL": {"log_probabilities": "float32", "positions": "labels"},
    "LogProbabilityMSE": {"log_probabilities": "float32", "positions": "labels"},
    "RSV": {"direction": "float32"},
    "DPO": {"refusal_order": "in_turn"},
    "TopicCorpus": {"strip": False, "max_characters": 0, "raw_topic": ""},
    **{model: {"attention": None} for model in ("HubModel", "LocalModel")},
    "PocketModel": {"attention": None, HAZARDS: STATED},
}
"""By class of ours: keys later than records, with the value for what was done before. Records have them where it is another."""
NO_NOISE: dict[str, Any] = {"_target_": None, "scale": 0.0}
TEXT_FILES = ("forget", "retain")
"""Where `TextFiles` has its paths; other sections have theirs in `path`."""


def relevant(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resolved configuration without what cannot change the result, as a record keeps it.

    Where the noise has scale 0 there is none, and neither its unit nor its layer is kept.
    """
    unused = () if trains(config) else TRAINING
    kept = {key: value for key, value in config.items() if key not in (*OUTSIDE, *unused)}
    if not holds_out(config):
        kept.pop(HELD_OUT, None)
    if not (config.get(GENERATION) or {}).get("prompts"):
        kept.pop(GENERATION, None)
    if "optimizer" in kept and _is_adamw(config) and not has_master_weights(config):
        kept["optimizer"] = _less(kept["optimizer"], (MASTER_WEIGHTS,))
    no_noise = "noise" in kept and not kept["noise"].get("scale", 1)
    return kept | {"noise": NO_NOISE} if no_noise else kept


def has_master_weights(config: Mapping[str, Any]) -> bool:
    """Return whether the optimiser trains fp32 copies of weights of another dtype."""
    return _is_adamw(config) and bool(config["optimizer"].get(MASTER_WEIGHTS)) and config["model"].get("dtype") != "float32"


def _is_adamw(config: Mapping[str, Any]) -> bool:
    return public_name((config.get("optimizer") or {}).get("_target_")) == ADAMW


def holds_out(config: Mapping[str, Any]) -> bool:
    """Return whether perplexity is measured on other text than the pocket world's, which follows from world and seed."""
    target = (config.get(HELD_OUT) or {}).get("_target_")
    return bool(target) and public_name(target) != POCKET_TEXT


def unsampled(config: dict[str, Any]) -> dict[str, Any]:
    """Return a composed configuration without the keys of samples that are not drawn: earlier records have no such keys."""
    if config["scoring"].get("stderr") is not None:
        return config
    datasets = {
        name: section if section.get("sample") is not None else _less(section, SAMPLING)
        for name, section in config["dataset"].items()
    }
    return config | {"dataset": datasets, "scoring": _less(config["scoring"], ("stderr",))}


def unstated(value: Any) -> Any:
    """Return a composed configuration without the keys of `LATER` that say what was done before there were such keys."""
    if isinstance(value, list):
        return [unstated(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    target = value.get("_target_")
    later = LATER.get(str(public_name(target)), {}) if isinstance(target, str) and target.startswith(PACKAGE) else {}
    return {key: unstated(item) for key, item in value.items() if key not in later or item != later[key]}


def trains(config: Mapping[str, Any]) -> bool:
    """Return whether there is a method."""
    return bool(config["method"] and config["method"]["_target_"])


def is_checkpoint(config: Mapping[str, Any]) -> bool:
    """Return whether a run scored a model beside its base: one that was unlearned elsewhere, or a gold reference."""
    return BASE in config


def is_gold(config: Mapping[str, Any]) -> bool:
    """Return whether a run scored a gold reference (`method=retrained`): a model that never learned what is to be forgotten."""
    return BASE in config and NAME not in config


def origin_folder(config: Mapping[str, Any]) -> str:
    """Return the folder of the model that was to forget: of a checkpoint its base's; "" where the model has no folder given."""
    base = str(config.get(BASE) or NO_BASE)
    folder = config["model"].get("path") if base == NO_BASE else None if base == NAMED_MODEL else base
    return str(folder or "")


def as_it_is(config: Mapping[str, Any], fingerprints: Mapping[str, str]) -> str:
    """Return the identity of the run that asks the same of the same files as they are, whatever their base and name."""
    plain = {key: value for key, value in config.items() if key not in (BASE, NAME)}
    return identity(plain, {key: value for key, value in fingerprints.items() if key != BASE})


def identity(config: Mapping[str, Any], fingerprints: Mapping[str, str]) -> str:
    """Return sixteen hexadecimal digits for what determines a run's result: settings and fingerprints."""
    kept = {key: value for key, value in relevant(config).items() if key not in FINGERPRINTED}
    determined = {key: canonical(_less(value, WITHOUT_EFFECT.get(key, ()))) for key, value in kept.items()}
    text = json.dumps({"config": determined, "fingerprints": dict(fingerprints)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def canonical(value: Any) -> Any:
    """Return settings with classes under their public names, 1 and 1.0 the same number, and keys as JSON has them."""
    if isinstance(value, Mapping):
        return {str(key): public_name(item) if key == "_target_" else canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as `canonical` has them, without paths."""
    return _pathless(canonical({key: value for key, value in config.items() if key != BASE}))


def public_name(target: str | None) -> str | None:
    """Return the public name of the class at an import path."""
    return target.rpartition(".")[2] if target and target.startswith(PACKAGE) else target


def _pathless(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    paths = TEXT_FILES if value.get("_target_") == "TextFiles" else ("path",)
    return {key: _pathless(item) for key, item in value.items() if key not in paths}


def _less(section: Any, keys: tuple[str, ...]) -> Any:
    return {key: value for key, value in section.items() if key not in keys} if isinstance(section, Mapping) else section
