"""Text, questions and triggers are chosen by the model or by the user: there is no default that could be another model's."""

from collections.abc import Sequence

from omegaconf import DictConfig

from rna_bench.core.types import InputError

HOW = {
    "corpus": "corpus=text 'corpus.forget={TOPIC: FILE}' corpus.retain=FILE",
    "dataset": "dataset=[forget_files,retain_files] dataset.forget_files.path=FILE dataset.retain_files.path=FILE",
    "trigger": "trigger=sars_cov_2 or none",
}
"""Groups that a model may leave to the user, and how to choose."""


def require_chosen(cfg: DictConfig, model: str) -> None:
    """Raise InputError where neither the model nor the user has chosen text, questions or triggers; `method=none` needs no text."""
    needed = [group for group in HOW if group != "corpus" or cfg.method.get("_target_")]
    lacking = [group for group in needed if not _chosen(cfg, group)]
    if lacking:
        raise unchosen(lacking, model)


def _chosen(cfg: DictConfig, group: str) -> bool:
    section = cfg.get(group)
    return bool(section) and (group == "dataset" or bool(section.get("_target_")))


def unchosen(groups: Sequence[str], model: str) -> InputError:
    """Return the error for groups of which no option is chosen."""
    how = ", ".join(HOW[group] for group in groups)
    remedy = f"model={model} brings none of its own; give {how}, or what conf/model/pocket.yaml chooses for a model of its world"
    return InputError("=null, ".join(groups), "null", remedy)
