"""What the interpolations of the configuration compute: ${preset:}, ${released:}, ${steered:}, ${up_to:} and others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.utils import get_class
from omegaconf import DictConfig, ListConfig, OmegaConf

from rna_bench.core.conf_files import config_folder
from rna_bench.core.labels import STEERED, method_label, method_of
from rna_bench.models.layouts import LAYOUTS, Layout
from rna_bench.runs.identity import public_name

MOST_WORKERS = 8
USUAL = {
    **{"npo": "kl", "npo_sam": "ce", "dpo": "kl", "simnpo": "kl"},
    **{"ga": "none", "task_vector": "none", "circuit_breakers": "hidden_l2"},
}
"""The retain loss whose preset is used where a method's own retain loss has none; other methods steer, and have hidden_mse's."""


def searched_folders(sources: Iterable[Mapping[str, Any]]) -> list[Path]:
    """Return the folders among the sources of a configuration, in Hydra's order: the first that has a file gives it."""
    return [Path(str(source["path"])) for source in sources if source["schema"] == "file"]


def register() -> None:
    """Register the resolvers with OmegaConf."""
    OmegaConf.register_new_resolver("workers", workers, replace=True)  # for conf/launcher/joblib.yaml
    OmegaConf.register_new_resolver("gpus", lambda device: int(device != "cpu"), replace=True)  # of a run: ${gpus:${model.device}}
    OmegaConf.register_new_resolver("below", lambda layer: max(0, int(layer) - 1), replace=True)  # for conf/noise
    OmegaConf.register_new_resolver("steered", steered, replace=True)  # for conf/run.yaml
    OmegaConf.register_new_resolver("steered_layers", steered_layers, replace=True)  # for conf/retain
    OmegaConf.register_new_resolver("up_to", up_to, replace=True)
    OmegaConf.register_new_resolver("down_proj", down_proj, replace=True)
    OmegaConf.register_new_resolver("preset", preset, replace=True)
    OmegaConf.register_new_resolver("released", released, replace=True)
    OmegaConf.register_new_resolver("text_of", text_of, replace=True)  # for conf/model
    OmegaConf.register_new_resolver("steers", steers, replace=True)  # for conf/corpus
    OmegaConf.register_new_resolver("method_is", method_is, replace=True)


def workers(threads: int) -> int:
    """Return how many processes with so many threads each the cores that this process may use are for."""
    from joblib import cpu_count

    return max(1, min(MOST_WORKERS, cpu_count() // max(1, threads)))


def preset(model: str, method: str, retain: str) -> str:
    """Return the name of the preset of a model, method and retain loss, chosen as options of their groups.

    Where neither the project nor the user has one for the retain loss, it is the preset of the method with its usual one, if there
    is such a preset.
    """
    wanted = f"{model}_{method_label(method, retain)}"
    usual = f"{model}_{method_label(method, USUAL.get(method_of(method), STEERED))}"
    return usual if not has_preset(wanted) and has_preset(usual) else wanted


def has_preset(name: str, own: Path | None = None) -> bool:
    """Return whether there is a preset of that name: the project's, one in the user's folder `own`, or where Hydra searches now."""
    now = GlobalHydra.instance()
    sources = now.config_loader().get_sources() if now.is_initialized() else []
    searched = searched_folders({"path": source.path, "schema": source.scheme()} for source in sources)
    folders = [config_folder("conf"), *searched, *([own] if own else [])]
    return any((folder / "preset" / f"{name}.yaml").is_file() for folder in folders)


def released(otherwise: Any, then: Any, *, _root_: DictConfig) -> Any:
    """Return the second value if the released code is to be followed (released=true), else the first."""
    return then if _root_.get("released") else otherwise


def text_of(corpus: str, option: str) -> str:
    """Return the corpus that a model takes, by the option of the group `released`."""
    return f"{corpus}_released" if option == "true" else corpus


def steers(then: Any, otherwise: Any, *, _root_: DictConfig) -> Any:
    """Return the first value if the method steers a layer, else the second."""
    return otherwise if steered(None, _root_=_root_) is None else then


def method_is(name: str, then: Any, otherwise: Any, *, _root_: DictConfig) -> Any:
    """Return the first value if the method is of the package's class of that name, else the second."""
    return then if public_name((_root_.get("method") or {}).get("_target_")) == name else otherwise


def steered(otherwise: Any, *, _root_: DictConfig) -> Any:
    """Return the highest layer that the method steers, as its section or else its class says; `otherwise`, if it steers none."""
    return max(steered_layers(_root_=_root_), default=otherwise)


def steered_layers(*, _root_: DictConfig) -> ListConfig:
    """Return the layers that the method steers, as its section or else its class says: of most methods one, or none."""
    section = _root_.get("method") or {}
    layer = section["layer"] if "layer" in section else _declared(section.get("_target_"))
    return ListConfig(list(section.get("layers") or []) or ([] if layer is None else [layer]))


def _declared(target: str | None) -> Any:
    """Return the default of the field `layer` of a method's class, or None."""
    try:
        cls = get_class(target) if target else None
    except Exception:  # `build` reports a class that cannot be imported, by its key
        return None
    return next((each.default for each in fields(cls) if each.name == "layer"), None) if cls and is_dataclass(cls) else None


def up_to(layers: int | Sequence[int]) -> str:
    """Return a layer, or each of several, and the two below it as alternatives of a regular expression: 5|6|7 of 7."""
    tops = [max(0, int(layer)) for layer in (layers if isinstance(layers, Sequence) else [layers])]
    return "|".join(map(str, sorted({layer for top in tops for layer in range(max(0, top - 2), top + 1)})))


def down_proj(layout: str) -> str:
    """Return the name of the MLP's last matrix in a layout, for a regular expression; Llama's of one that does not exist.

    `build` reports that by its key.
    """
    names = {known.value: LAYOUTS[known].down_proj for known in LAYOUTS}
    return names.get(str(layout), LAYOUTS[Layout.llama].down_proj).replace(".", r"\.")


register()
