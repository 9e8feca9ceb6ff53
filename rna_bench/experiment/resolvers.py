"""Where the configuration lies, and what its interpolations can compute: ${preset:}, ${below:}, ${workers:}, ${gpus:}."""

from pathlib import Path

from omegaconf import OmegaConf

from rna_bench.core.labels import STEERED, method_label, method_of

PACKAGE = Path(__file__).parents[1]
MOST_WORKERS = 8
USUAL = {"npo": "kl", "dpo": "kl", "simnpo": "kl", "ga": "none"}
"""The retain loss whose preset is used where a method's own retain loss has none; other methods steer, and have hidden_mse's."""


def config_folder(name: str) -> Path:
    """Return the folder `conf` or `sweeps`: beside the package in a clone, inside it in an installed wheel."""
    beside = PACKAGE.parent / name
    return beside if (PACKAGE.parent / "pyproject.toml").exists() and beside.is_dir() else PACKAGE / name


def register() -> None:
    """Register the resolvers with OmegaConf."""
    OmegaConf.register_new_resolver("workers", workers, replace=True)  # for conf/launcher/joblib.yaml
    OmegaConf.register_new_resolver("gpus", lambda device: int(device != "cpu"), replace=True)  # of a run: ${gpus:${model.device}}
    OmegaConf.register_new_resolver("below", lambda layer: max(0, int(layer) - 1), replace=True)  # for conf/noise
    OmegaConf.register_new_resolver("preset", preset, replace=True)  # for conf/run.yaml


def workers(threads: int) -> int:
    """Return how many processes with so many threads each the cores that this process may use are for."""
    from joblib import cpu_count

    return max(1, min(MOST_WORKERS, cpu_count() // max(1, threads)))


def preset(model: str, method: str, retain: str) -> str:
    """Return the name of the preset of a model, method and retain loss, chosen as options of their groups.

    Where the project has none for the retain loss, it is the preset of the method with its usual one, if there is such a preset.
    """
    wanted = f"{model}_{method_label(method, retain)}"
    usual = f"{model}_{method_label(method, USUAL.get(method_of(method), STEERED))}"
    folder = config_folder("conf") / "preset"
    return usual if not (folder / f"{wanted}.yaml").exists() and (folder / f"{usual}.yaml").exists() else wanted


register()
