"""Records as earlier versions wrote them, brought up to date on reading; the files stay as they are."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from rna_bench.core.labels import method_of
from rna_bench.core.renames import current
from rna_bench.runs.identity import NO_NOISE, identity, public_name, trains

IMPORT_PATHS = (1, 2, 3)
"""Schemas whose identities hash import paths."""
FIELDS = {"trajectory": "eval_points", "facts": "statistics"}
SCORE_FIELDS = {"form": "perturbation"}
"""Fields of a record, and of its scores: the earlier name, and the present one."""
OPTIMIZER = "rna_bench.unlearning.optimizers.AdamW"
RNA = "rna_bench.unlearning.noise.RNA"
ADAMW = ("betas", "eps", "weight_decay")
FILES = {"rna_bench.data.corpora.TextFiles": ("forget", "retain")}
"""Where a class had its paths in those schemas; others had theirs in `path`."""
RETAIN = {"HiddenMSE": "hidden_mse", "KL": "kl", "LogProbabilityMSE": "mse"}
"""Options of the group `retain` by class, for records from before it was a group."""


def upgraded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a record of an earlier schema as those of the present one; its identity follows from them."""
    config = upgraded_config(values["config"])
    fields = {FIELDS.get(name, name): value for name, value in values.items()}
    fields |= {name: _scores(fields[name]) for name in ("scores", "breakdown") if name in fields}
    fields["eval_points"] = [{**point, "scores": _scores(point["scores"])} for point in fields["eval_points"]]
    fields["choices"] = _choices(values["choices"], config)
    return {**fields, "config": config, "identity": identity(config, values["fingerprints"])}


def identity_then(config: Mapping[str, Any], fingerprints: Mapping[str, str]) -> str:
    """Return the identity of a run as schemas 1 to 3 computed it: from all settings but paths, and from the fingerprints."""
    text = json.dumps({"config": _canonical_then(config), "fingerprints": dict(fingerprints)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _canonical_then(value: Any) -> Any:
    if isinstance(value, Mapping):
        paths = FILES.get(str(value.get("_target_")), ("path",))
        return {key: _canonical_then(item) for key, item in value.items() if key not in paths}
    if isinstance(value, list | tuple):
        return [_canonical_then(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _choices(choices: Mapping[str, str], config: Mapping[str, Any]) -> dict[str, str]:
    """Return the options chosen: the retain loss was chosen with the method."""
    loss = RETAIN.get(str(public_name((config.get("retain") or {}).get("_target_"))), "none")
    return {**choices, "method": method_of(choices["method"]), "retain": choices.get("retain", loss)}


def _scores(scores: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{SCORE_FIELDS.get(name, name): value for name, value in score.items()} for score in scores]


def upgraded_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as it would be written today; what it lacks gets the value that was built in then."""
    sections = {key: current(value) for key, value in config.items()}
    if trains(sections):
        sections |= _training(sections)
    sections["scoring"] = {"newlines": 2, "part": 2000} | sections["scoring"]
    sections["trigger"] = {"count": 1} | sections["trigger"]
    return sections


def _training(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sections of training as they are today.

    Earlier, the optimiser's settings and DPO's refusals stood in `train`, and forget and retain texts had one maximum length.
    """
    old = dict(config["train"])
    among = {key: old.pop(key) for key in ADAMW if key in old}
    refusals = {"refusals": old.pop("refusals")} if "refusals" in old else {}
    method = config["method"] | (refusals if public_name(config["method"]["_target_"]) == "DPO" else {})
    added = {"retain_max_tokens": old["max_tokens"], "padding": "masked", "micro_batches": 1, "gradient_checkpointing": False}
    sections = {"optimizer": _optimizer(config.get("optimizer", among)), "topics": config.get("topics", {}), "train": added | old}
    return sections | {"method": method, "noise": _noise(config["noise"])}


def _optimizer(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the optimiser's section; PyTorch's AdamW had no `variant`, and settings among `train`'s were PyTorch's."""
    return {"variant": "torch", **settings, "_target_": OPTIMIZER}


def _noise(noise: Mapping[str, Any]) -> dict[str, Any]:
    """Return the noise section: RNA was the only kind, and called `Noise`."""
    return dict(noise) | {"_target_": RNA} if noise["scale"] else NO_NOISE
