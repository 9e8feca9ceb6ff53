"""Values of a command line that the configuration which they are part of never reads."""

from collections.abc import Iterator, Sequence

from omegaconf import DictConfig, OmegaConf

from rna_bench.runs.identity import BASE, MASTER_WEIGHTS, NAME
from rna_bench.unlearning.config import UnlearningConfig
from rna_bench.unlearning.noise import AntitheticNoise
from rna_bench.unlearning.retain_losses import HiddenMSE

NOISE = {"nu": "noise.scale", "nu_unit": "noise.unit", "nu_layer": "noise.layer"}
"""Keys that a noise's own keys refer to, unless these are given themselves."""


def ignored(cfg: DictConfig, overrides: Sequence[str]) -> Iterator[str]:
    """Yield a line for each KEY=VALUE word of a command line that has no effect, with the reason."""
    for word in overrides:
        key = word.partition("=")[0].lstrip("+")
        reason = _reason(cfg, key)
        if reason:
            yield f"{word} has no effect: {reason}"


def cancelled(recipe: UnlearningConfig | None) -> Iterator[str]:
    """Yield a line where noise changes the retain loss, but no gradient: e and -e around a squared distance."""
    noise = recipe.noise if recipe else None
    if (
        recipe
        and isinstance(noise, AntitheticNoise)
        and isinstance(recipe.retain, HiddenMSE)
        and noise.layer == recipe.method.layer
    ):
        where = f"layer {noise.layer}, where the retain loss is a squared distance and e and -e cancel"
        yield f"noise=AntitheticNoise has no effect on gradients at {where}: the model is noise=none's; give a lower noise.layer"


def _reason(cfg: DictConfig, key: str) -> str:
    """Return why a key has no effect, or "" if it has."""
    if cfg.method.get("_target_") is None and (key in NOISE or key.startswith(("train.", "topics."))):
        return f"method={'none' if BASE not in cfg else 'checkpoint' if NAME in cfg else 'retrained'} unlearns nothing"
    if key in NOISE and cfg.noise.get("_target_") is None:
        return "noise=none adds no noise"
    if key in NOISE and f"${{{key}}}" not in str(OmegaConf.to_container(cfg, resolve=False)):
        return f"{NOISE[key]} has a value of its own"
    if key == "train.reference_attention" and cfg.train.reference_attention == "unmasked" and cfg.train.padding != "included":
        return "padding is on the right, where no token attends to it; give train.padding=included"
    if key.endswith("retain_weight") and cfg.retain.get("_target_") is None:
        return "retain=none has no retain loss"
    if key == f"optimizer.{MASTER_WEIGHTS}" and cfg.optimizer.get(MASTER_WEIGHTS) and cfg.model.get("dtype") == "float32":
        return "weights in fp32 need no copy; give model.dtype=bfloat16"
    return ""
