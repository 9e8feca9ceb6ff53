"""What `released=true` means for a run: which keys it is made of, and methods that the released code has not."""

from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig

from rna_bench.runs.identity import public_name

CODE = {  # of arXiv 2501.19202: its methods, and the retain losses of each
    **dict.fromkeys(("RMU", "AdaptiveRMU", "RSV"), ("HiddenMSE",)),
    **dict.fromkeys(("NPO", "DPO", "SimNPO"), ("KL", "LogProbabilityMSE")),
}
PIECES = {
    "train": ("padding", "reference_attention"),
    "retain": ("log_probabilities", "positions"),
    "method": ("direction", "variant", "refusal_order", "reduction"),
    "optimizer": ("variant",),
    "model": ("attention",),
    "corpus": ("order", "min_characters", "headings", "strip", "max_characters", "raw_topic"),
}
"""By section: keys in which the released code differs from the default."""


def is_released(choices: Mapping[str, Any]) -> bool:
    """Return whether a run follows the released code, by the options chosen."""
    return choices.get("released") == "true"


def pieces(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of these keys in a resolved configuration, which may leave out those at their defaults."""
    sections = {name: config.get(name) or {} for name in PIECES}
    return {f"{name}.{key}": sections[name][key] for name, keys in PIECES.items() for key in keys if key in sections[name]}


def beyond_released(cfg: DictConfig, choices: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line if a run is to follow the released code with a method or a retain loss that it has not."""
    method, retain = (public_name((cfg.get(section) or {}).get("_target_")) for section in ("method", "retain"))
    if not is_released(choices) or method is None:
        return
    known = CODE.get(method)
    lacking = f"method {method}" if known is None else f"retain loss {retain} with {method}" if retain not in known else ""
    if lacking:
        yield f"released=true: the released code has no {lacking}, which stays as it is; what surrounds the losses is as there"
