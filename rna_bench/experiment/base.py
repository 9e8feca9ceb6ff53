"""A model scored beside its base, which is another run: a checkpoint made elsewhere, or a gold reference (`method=retrained`)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from rna_bench.core.renames import class_name
from rna_bench.core.types import InputError
from rna_bench.models.config_file import COMPARED
from rna_bench.runs.identity import BASE, HAZARDS, NAME, NAMED_MODEL, NO_BASE, STATED, is_gold

DIMENSIONS = (*COMPARED.values(), "n_layer", "n_embd", "n_head")
"""Keys of a config.json that a checkpoint and its base must have in common; the last three are GPT-2's."""
POCKET = "PocketModel"
"""The class of the model that is trained here."""
SAMPLE = "The following are multiple choice questions (with answers) about virology.\n\nWhat is it?\nA. 1\nB. two\nAnswer: A"


class BaseRun(NamedTuple):
    """The configuration of the run that scores the base, as `experiment_config` takes it."""

    cfg: DictConfig
    choices: dict[str, str]


def has_base(cfg: DictConfig) -> bool:
    """Return whether a composed configuration scores a model beside its base; beside a method that trains InputError is raised."""
    if BASE in cfg and cfg.method.get("_target_"):
        raise InputError(BASE, cfg.base, "only method=checkpoint has a base; leave it out")
    return BASE in cfg


def check_gold(cfg: DictConfig) -> None:
    """Raise InputError unless there is a gold reference of the model: one that is trained here, on texts without the facts."""
    model = cfg.model
    if class_name(str(model.get("_target_"))) != POCKET:
        remedy = (
            "only the pocket model can be trained again here; score a model that never learned what is to be forgotten with "
            "method=checkpoint model.path=FOLDER base=model (of deep_ignorance_6_9b that is deep_ignorance_filtered)"
        )
        raise InputError("method", "retrained", remedy)
    if model.get("path"):
        raise InputError(
            "model.path", model.path, "method=retrained trains its model; score that in a folder with method=checkpoint"
        )
    if model.get(HAZARDS) == STATED:
        raise InputError("model.hazards", STATED, "is the base model itself; give redrawn or removed, or method=none")
    if cfg.base != NAMED_MODEL:
        raise InputError(BASE, cfg.base, "the base of method=retrained is the model that model= names; leave it out")


def with_name(cfg: DictConfig) -> DictConfig:
    """Return a checkpoint's configuration with its name; without a folder, or a base, InputError says what to give.

    A gold reference has no name, and is checked alone.
    """
    if is_gold(cfg):  # pyright: ignore[reportArgumentType]  a DictConfig has the keys of a mapping
        check_gold(cfg)
        return cfg
    path = None if OmegaConf.is_missing(cfg.model, "path") else cfg.model.get("path")
    if not path:
        raise InputError("model.path", "null", "method=checkpoint scores the model in a folder; give model.path=FOLDER")
    if not cfg.base:
        remedy = (
            "give base=FOLDER, the model that the checkpoint was made from, base=model, the one that model= names, or base=none"
        )
        raise InputError(BASE, "null", remedy)
    return _changed(cfg, {NAME: str(cfg.get(NAME) or Path(str(path)).expanduser().resolve().name)})


def base_run(cfg: DictConfig, choices: Mapping[str, str]) -> BaseRun | None:
    """Return the run that scores the base with the same questions, triggers and seed; None with base=none."""
    base = str(cfg.base)
    if NAME not in cfg:
        return _base_of(cfg, choices, {HAZARDS: STATED})
    if base == NO_BASE:
        return None
    if base == NAMED_MODEL and choices.get("model") == "local":
        raise InputError(BASE, base, "model=local names no model; give the folder of the one that the checkpoint was made from")
    if base != NAMED_MODEL and not Path(base).expanduser().is_dir():
        raise InputError(BASE, base, "there is no such folder; give that of the model the checkpoint was made from, or none")
    if base != NAMED_MODEL and Path(base).expanduser().resolve() == Path(str(cfg.model.path)).expanduser().resolve():
        raise InputError(BASE, base, "is the checkpoint's own folder; give that of the model it was made from, or none")
    return _base_of(cfg, choices, {"path": None if base == NAMED_MODEL else base})


def _base_of(cfg: DictConfig, choices: Mapping[str, str], model: Mapping[str, Any]) -> BaseRun:
    """Return the run without a method of the model with these values."""
    plain = _changed(cfg, {"model": model})
    kept = OmegaConf.masked_copy(plain, [str(key) for key in plain if key not in (BASE, NAME)])
    assert isinstance(kept, DictConfig)
    return BaseRun(kept, {**choices, "method": "none"})


def check_same_model(checkpoint: Path, base: Path) -> None:
    """Raise InputError unless the checkpoint in a folder has its base's dimensions, vocabulary and tokenizer."""
    one, other = _dimensions(checkpoint), _dimensions(base)
    for key in DIMENSIONS:
        if one.get(key) != other.get(key):
            raise _other_model(checkpoint, f"{key} is {one.get(key)} in its config.json, and {other.get(key)} in its base's", base)
    ours, theirs = _tokenizer(checkpoint), _tokenizer(base)
    if ours.get_vocab() != theirs.get_vocab() or ours(SAMPLE)["input_ids"] != theirs(SAMPLE)["input_ids"]:
        raise _other_model(checkpoint, "its tokenizer is another one", base)


def _other_model(checkpoint: Path, why: str, base: Path) -> InputError:
    return InputError("model.path", checkpoint, f"was not made from base={base} ({why}); give its own base, or base=none")


def _dimensions(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        text = config.get("text_config", config)
        return {**text, "num_key_value_heads": text.get("num_key_value_heads") or text.get("num_attention_heads")}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError("config.json", folder, f"cannot be read ({error}); save the model there again") from error


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the libraries raise various exceptions, tokenizers plain Exception
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError("tokenizer", folder, f"cannot be loaded ({cause}); save it there again") from error


def _changed(cfg: DictConfig, values: Mapping[str, Any]) -> DictConfig:
    changed = OmegaConf.merge(cfg, values)
    assert isinstance(changed, DictConfig)
    return changed
