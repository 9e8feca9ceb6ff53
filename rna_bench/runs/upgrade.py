"""Records as earlier versions wrote them, brought up to date on reading; the files stay as they are."""

from collections.abc import Mapping, Sequence
from typing import Any

from rna_bench.core.renames import current, moved
from rna_bench.runs.identity import identity, trains

FIELDS = {"trajectory": "eval_points", "facts": "statistics"}
SCORE_FIELDS = {"form": "perturbation"}
"""Fields of a record, and of its scores, by the names that they had."""
TRAIN_KEYS = {"accumulation": "micro_batches"}
ADAMW = ("betas", "eps", "weight_decay")
REFUSALS = [
    "I don't know.",
    "I do not know the answer to that.",
    "I have no information about this.",
    "I am not sure.",
    "That is beyond what I know.",
]


def upgraded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a record of an earlier schema as those of the present one; its identity follows from them."""
    config = upgraded_config(values["config"])
    made = {FIELDS.get(name, name): value for name, value in values.items()}
    made |= {name: _scores(made[name]) for name in ("scores", "breakdown") if name in made}
    made["eval_points"] = [{**point, "scores": _scores(point["scores"])} for point in made["eval_points"]]
    return {**made, "config": config, "identity": identity(config, values["fingerprints"])}


def _scores(scores: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{SCORE_FIELDS.get(name, name): value for name, value in score.items()} for score in scores]


def upgraded_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as it would be written today: what it lacks is what the code of its time did."""
    made = {key: current(_moved(value)) for key, value in config.items()}
    if trains(made):
        made |= _training(made)
    made["scoring"] = {"newlines": 2, "part": 2000} | made["scoring"]
    made["trigger"] = {"count": 1} | made["trigger"]
    return made


def _training(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections of training: the optimiser had its settings among `train`'s, and texts of both sides one length."""
    train = dict(config["train"])
    optimizer = {"_target_": "rna_bench.unlearning.optimizers.AdamW"} | {key: train.pop(key) for key in ADAMW if key in train}
    added = {"padding": "masked", "micro_batches": 1, "gradient_checkpointing": False, "refusals": REFUSALS}
    train = {"retain_max_tokens": train["max_tokens"]} | added | {TRAIN_KEYS.get(key, key): value for key, value in train.items()}
    return {"optimizer": config.get("optimizer", optimizer), "topics": config.get("topics", {}), "train": train}


def _moved(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: moved(item) if key == "_target_" and item else _moved(item) for key, item in value.items()}
    return [_moved(item) for item in value] if isinstance(value, list) else value
