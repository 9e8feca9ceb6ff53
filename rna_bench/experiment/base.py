"""A checkpoint that was unlearned elsewhere (`method=checkpoint`): its name, and its base, which is a run of its own."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from rna_bench.core.types import InputError
from rna_bench.models.config_file import COMPARED
from rna_bench.runs.identity import BASE, NAME, NAMED_MODEL, NO_BASE

DIMENSIONS = (*COMPARED.values(), "n_layer", "n_embd", "n_head")
"""Keys of a config.json that a checkpoint and its base must have in common; the last three are GPT-2's."""
SAMPLE = "The following are multiple choice questions (with answers) about virology.\n\nWhat is it?\nA. 1\nB. two\nAnswer: A"


class BaseRun(NamedTuple):
    """The configuration of the run that scores the base, as `experiment_config` takes it."""

    cfg: DictConfig
    choices: dict[str, str]


def scores_checkpoint(cfg: DictConfig) -> bool:
    """Return whether a composed configuration scores a checkpoint; a base beside a method that trains raises InputError."""
    if BASE in cfg and cfg.method.get("_target_"):
        raise InputError(BASE, cfg.base, "only method=checkpoint has a base; leave it out")
    return BASE in cfg


def with_name(cfg: DictConfig) -> DictConfig:
    """Return a checkpoint's configuration with its name; without a folder, or a base, InputError says what to give."""
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
    """Return the run that scores the base of a checkpoint with the same questions, triggers and seed; None with base=none."""
    base = str(cfg.base)
    if base == NO_BASE:
        return None
    if base == NAMED_MODEL and choices.get("model") == "local":
        raise InputError(BASE, base, "model=local names no model; give the folder of the one that the checkpoint was made from")
    if base != NAMED_MODEL and not Path(base).expanduser().is_dir():
        raise InputError(BASE, base, "there is no such folder; give that of the model the checkpoint was made from, or none")
    plain = _changed(cfg, {"model": {"path": None if base == NAMED_MODEL else base}})
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
