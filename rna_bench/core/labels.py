"""The names of a method with its retain loss, and of a noise, in tables, presets and messages."""

from collections.abc import Mapping
from typing import Any

SHORT = {f"{method}_{loss}": method for method in ("npo", "dpo", "simnpo") for loss in ("kl", "mse")} | {"grad_diff": "ga"}
"""Options of the group `method` that are short for a method with one retain loss."""
RETRAINED = {"redrawn": "retrained", "removed": "retrained_no_words"}
"""Options of the group `method` that score a gold reference, by its model's `hazards`."""
OWN = "rna_bench.unlearning.noise"
STEERED = "hidden_mse"
NAMES = {
    ("ga", "none"): "ga",
    ("ga", "ce"): "grad_diff",
    ("npo_sam", "ce"): "npo_sam",
    ("task_vector", "none"): "task_vector",
    ("circuit_breakers", "hidden_l2"): "circuit_breakers",
}
"""Methods with a retain loss that have a name of their own."""


def method_of(choice: str) -> str:
    """Return the method that an option of the group `method` stands for: npo of npo_kl."""
    return SHORT.get(choice, choice)


def method_label(choice: str, retain: str | None, name: str | None = None) -> str:
    """Return a method's name with its retain loss: npo_kl, or rmu alone, whose retain loss is that of hidden states.

    `name` is that of a checkpoint, which is called by it: checkpoint NAME.
    `choice` and `retain` are options of their groups. Earlier records have no `retain`: the method's option names it.
    """
    if name:
        return f"checkpoint {name}"
    if retain is None or choice == "none":
        return choice
    method = method_of(choice)
    return NAMES.get((method, retain)) or (method if retain == STEERED else f"{method}_{retain}")


def noise_label(noise: Mapping[str, Any]) -> str:
    """Return the label of a noise section: "1 rms" for RNA, with the kind's name before it for others; "" for no noise.

    A class from outside the package is called by its name, with its `scale` if it has one, and the `unit` if it has one.
    """
    target = noise.get("_target_")
    if not target or not noise.get("scale", 1):
        return ""
    name, scale = str(target).rpartition(".")[2], noise.get("scale")
    kind = {"RNA": "", "AntitheticNoise": "antithetic"}.get(name, name)
    if target == f"{OWN}.GaussianNoise":
        draws = f", {noise['draws']} draws" if noise["draws"] > 1 else ""
        kind = f"{noise['model']}, {noise['side']} inputs, layers {', '.join(map(str, noise['layers']))}{draws}:"
    size = f"{scale:g}" if isinstance(scale, int | float) else str(scale)
    return f"{kind} {size} {noise.get('unit') or ''}".strip() if "scale" in noise else str(kind)
