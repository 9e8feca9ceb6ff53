"""A resolved configuration, and the same with one value changed."""

import copy

CONFIG = {
    "seed": 0,
    "threads": 1,
    "results_dir": "results/runs",
    "model": {"_target_": "rna_bench.models.loading.LocalModel", "path": "/here", "name": "local", "dtype": "float32"},
    "method": {"_target_": "rna_bench.unlearning.methods.rmu.RMU", "layer": 1, "steering_coefficient": 6.5},
    "retain": {"_target_": "rna_bench.unlearning.retain_losses.HiddenMSE"},
    "noise": {"_target_": "rna_bench.unlearning.noise.Noise", "scale": 1.0, "unit": "rms", "layer": 1},
    "train": {"_target_": "rna_bench.unlearning.config.Train", "steps": 2, "gradient_checkpointing": False},
    "optimizer": {"_target_": "rna_bench.unlearning.optimizers.AdamW", "betas": [0.9, 0.999]},
    "corpus": {"_target_": "rna_bench.pocket.sources.PocketCorpus", "texts": 20},
    "topics": {},
    "scoring": {"_target_": "rna_bench.evaluation.scoring.Scoring", "every": 1},
    "dataset": {"mmlu": {"role": "retain", "path": "/here/mmlu", "limit": 0}},
    "trigger": {"_target_": "rna_bench.data.triggers.Words", "types": ["option"]},
    "tracker": {"_target_": "rna_bench.runs.tracking.NullTracker"},
    "launcher": {},
}
FINGERPRINTS = {"model": "aa", "questions": "bb", "corpus": "cc"}


def changed(path: str, value: object) -> dict:
    """CONFIG with another value of a key, given as section.key."""
    config = copy.deepcopy(CONFIG)
    node = config
    *parents, last = path.split(".")
    for parent in parents:
        node = node[parent]
    assert node[last] != value
    node[last] = value
    return config
