"""Records as earlier versions wrote them, brought up to date on reading; the files stay as they are."""

from collections.abc import Mapping, Sequence
from typing import Any

from rna_bench.core.labels import method_of
from rna_bench.core.renames import current, moved
from rna_bench.runs.identity import NO_NOISE, identity, public_name, trains

FIELDS = {"trajectory": "eval_points", "facts": "statistics"}
SCORE_FIELDS = {"form": "perturbation"}
"""Fields of a record, and of its scores, by the names that they had."""
TRAIN_KEYS = {"accumulation": "micro_batches"}
OPTIMIZER = "rna_bench.unlearning.optimizers.AdamW"
RNA = "rna_bench.unlearning.noise.RNA"
ADAMW = ("betas", "eps", "weight_decay")
RETAIN = {"HiddenMSE": "hidden_mse", "KL": "kl", "LogProbabilityMSE": "mse"}
"""Options of the group `retain` by the classes of the time when it was no group."""


def upgraded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a record of an earlier schema as those of the present one; its identity follows from them."""
    config = upgraded_config(values["config"])
    current = {FIELDS.get(name, name): value for name, value in values.items()}
    current |= {name: _scores(current[name]) for name in ("scores", "breakdown") if name in current}
    current["eval_points"] = [{**point, "scores": _scores(point["scores"])} for point in current["eval_points"]]
    current["choices"] = _choices(values["choices"], config)
    return {**current, "config": config, "identity": identity(config, values["fingerprints"])}


def _choices(choices: Mapping[str, str], config: Mapping[str, Any]) -> dict[str, str]:
    """Return the options chosen: the retain loss was chosen with the method."""
    loss = RETAIN.get(str(public_name((config.get("retain") or {}).get("_target_"))), "none")
    return {**choices, "method": method_of(choices["method"]), "retain": choices.get("retain", loss)}


def _scores(scores: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{SCORE_FIELDS.get(name, name): value for name, value in score.items()} for score in scores]


def upgraded_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as it would be written today: what it lacks is what the code of its time did."""
    sections = {key: current(_moved(value)) for key, value in config.items()}
    if trains(sections):
        sections |= _training(sections)
    sections["scoring"] = {"newlines": 2, "part": 2000} | sections["scoring"]
    sections["trigger"] = {"count": 1} | sections["trigger"]
    return sections


def _training(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections of training as they are today.

    The optimiser had its settings among `train`'s, texts of both sides one length, and DPO its refusals in `train`.
    """
    old = {TRAIN_KEYS.get(key, key): value for key, value in config["train"].items()}
    among = {key: old.pop(key) for key in ADAMW if key in old}
    refusals = {"refusals": old.pop("refusals")} if "refusals" in old else {}
    method = config["method"] | (refusals if public_name(config["method"]["_target_"]) == "DPO" else {})
    added = {"retain_max_tokens": old["max_tokens"], "padding": "masked", "micro_batches": 1, "gradient_checkpointing": False}
    sections = {"optimizer": _optimizer(config.get("optimizer", among)), "topics": config.get("topics", {}), "train": added | old}
    return sections | {"method": method, "noise": _noise(config["noise"])}


def _optimizer(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the optimiser's section: the AdamW of earlier versions of transformers was a class of its own."""
    earlier = str(settings.get("_target_")).endswith("TransformersAdamW")
    return {"variant": "transformers" if earlier else "torch", **settings, "_target_": OPTIMIZER}


def _noise(noise: Mapping[str, Any]) -> dict[str, Any]:
    """Return the noise section: RNA was the only kind, and called `Noise`."""
    return dict(noise) | {"_target_": RNA} if noise["scale"] else NO_NOISE


def _moved(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: moved(item) if key == "_target_" and item else _moved(item) for key, item in value.items()}
    return [_moved(item) for item in value] if isinstance(value, list) else value
