"""The labels of a run's method and noise, by its configuration and choices: of a record, or of a run that has none yet."""

from collections.abc import Mapping
from typing import Any

from rna_bench.core.labels import RETRAINED, method_label, noise_label
from rna_bench.runs.identity import HAZARDS, NAME, is_gold, trains


def method_of_run(config: Mapping[str, Any], choices: Mapping[str, str]) -> str:
    """Return the name of a run's method with its retain loss: `rmu`, `rmu_kl`, `npo_kl`; of a checkpoint `checkpoint NAME`."""
    if is_gold(config):
        return RETRAINED[config["model"][HAZARDS]]
    return method_label(choices.get("method", "?"), choices.get("retain"), config.get(NAME))


def noise_of_run(config: Mapping[str, Any]) -> str:
    """Return the label of a run's noise, as `noise_label` does; "0" without noise, and "-" where nothing is trained."""
    section = config.get("noise")
    return (noise_label(section) or "0") if section and trains(config) else "-"


def run_label(config: Mapping[str, Any], choices: Mapping[str, str]) -> str:
    """Return a run's method and noise as messages name them: `rmu noise 1 rms`."""
    noise = noise_of_run(config)
    return method_of_run(config, choices) + (f" noise {noise}" if noise not in ("0", "-") else "")
