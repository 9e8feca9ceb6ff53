"""A composed configuration, checked against every schema, before any model is loaded."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from omegaconf import DictConfig, OmegaConf

from rna_bench.core import renames, secrets
from rna_bench.core.labels import method_of
from rna_bench.core.own_code import class_path
from rna_bench.core.schemas import build, build_as
from rna_bench.core.types import Dtype, InputError, ModelFolder
from rna_bench.data.corpora import Corpus
from rna_bench.data.held_out import HeldOut
from rna_bench.data.questions import QuestionSource
from rna_bench.data.sampling import Sampling
from rna_bench.data.triggers import TriggerSource
from rna_bench.evaluation.generation import GenerationSettings
from rna_bench.evaluation.scoring import Scoring
from rna_bench.experiment.attack_config import NamedAttack, attacks_of
from rna_bench.experiment.base import base_run, has_base, with_name
from rna_bench.experiment.chosen import require_chosen
from rna_bench.experiment.ignored import cancelled, ignored
from rna_bench.experiment.released import beyond_released
from rna_bench.models.architecture import Architecture
from rna_bench.models.store import Reuse
from rna_bench.runs.identity import NO_NOISE, SAMPLING, unsampled, unstated
from rna_bench.runs.tracking import Tracker
from rna_bench.unlearning.checkpoint import CheckpointInterval
from rna_bench.unlearning.config import (
    Method,
    RetainLoss,
    TopicConfig,
    TopicSettings,
    Train,
    UnlearningConfig,
    check_architecture,
    without_effect,
)
from rna_bench.unlearning.losses import MeanOver
from rna_bench.unlearning.noise import Noise
from rna_bench.unlearning.optimizers import Optimizer

LOG = logging.getLogger(__name__)
METHOD = ("layer", "reads_reference", "mean_over", "forget_loss")
RETAIN_LOSS = ("reads_logits", "reads_reference", "mean_over", "retain_loss")
NOISE = ("model", "side", "noised_layers", "draws", "absolute_scale", "stream", "add")
"""What the protocols Method, RetainLoss and Noise have."""


class ModelSource(Protocol):
    """Where a model comes from. `missing` has a line, with its remedy, for each thing that a run would not find.

    `dimensions` are known without fetching or training anything, or None. `to_train` says what `folder` would train first, if any.
    """

    @property
    def dtype(self) -> Dtype: ...
    @property
    def device(self) -> str: ...
    @property
    def dimensions(self) -> Architecture | None: ...
    @property
    def to_train(self) -> str: ...
    def folder(self) -> ModelFolder: ...
    def missing(self) -> list[str]: ...


@dataclass(frozen=True)
class ExperimentConfig:
    """A run, checked against every schema, before any model is loaded."""

    seed: int
    threads: int
    results_dir: Path
    model: ModelSource
    corpus: Corpus | None
    datasets: Mapping[str, QuestionSource]
    samplings: Mapping[str, Sampling]
    trigger: TriggerSource
    scoring: Scoring
    tracker: Tracker
    reuse: Reuse
    checkpoint: CheckpointInterval
    keep_delta: bool
    recipe: UnlearningConfig | None
    config: dict[str, Any]
    choices: dict[str, str]
    ignored: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    base: "ExperimentConfig | None" = None
    """The run that scores the base of a checkpoint (`method=checkpoint`) or of a gold reference (`method=retrained`)."""
    heldout: HeldOut | None = None
    attacks: tuple[NamedAttack, ...] = ()
    generation: GenerationSettings | None = None


def experiment_config(cfg: DictConfig, choices: Mapping[str, str], overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Return the experiment that a composed configuration describes; bad values raise InputError.

    `overrides` are its KEY=VALUE words: those without effect are `ignored`, and `cautions` say what the run will not show.
    """
    require_chosen(cfg, str(choices.get("model")))
    if cfg.method and "_target_" not in cfg.method:
        remedy = "its section has no _target_; let its YAML begin with `# @package _global_`, as conf/method/rmu.yaml does"
        raise InputError("method", choices.get("method"), remedy)
    recipe = _recipe(cfg)
    beside_base = has_base(cfg)
    cfg = with_name(cfg) if beside_base else cfg
    base = base_run(cfg, choices) if beside_base else None
    chosen = {key: str(value) for key, value in choices.items() if not key.startswith("hydra/")}
    scoring: Scoring = build("scoring", cfg.scoring)
    config = _resolved(cfg, recipe)
    secrets.refuse(config)
    return ExperimentConfig(
        seed=_whole("seed", cfg.seed, 0),
        threads=_whole("threads", cfg.threads, 1),
        results_dir=_folder(cfg.results_dir),
        model=build("model", cfg.model),
        corpus=build("corpus", cfg.corpus) if recipe else None,
        datasets={str(name): build(f"dataset.{name}", node, beside=SAMPLING) for name, node in cfg.dataset.items()},
        samplings={str(name): _sampling(str(name), node, scoring) for name, node in cfg.dataset.items()},
        trigger=build("trigger", cfg.trigger),
        scoring=scoring,
        tracker=build("tracker", cfg.tracker),
        reuse=build("reuse", cfg.reuse),
        checkpoint=build("checkpoint", cfg.checkpoint),
        keep_delta=_flag("keep_delta", cfg.keep_delta),
        recipe=recipe,
        config=config,
        choices=chosen | {"method": method_of(chosen["method"])},
        ignored=tuple(ignored(cfg, overrides)),
        cautions=(*cancelled(recipe), *beyond_released(cfg, choices)),
        base=experiment_config(*base) if base else None,
        heldout=build("heldout", cfg.heldout),
        attacks=attacks_of(cfg.attack, keep_delta=bool(cfg.keep_delta)),
        generation=_generation(cfg, beside_base=beside_base),
    )


def _generation(cfg: DictConfig, *, beside_base: bool) -> GenerationSettings | None:
    """Return how texts are continued; None where none are."""
    settings: GenerationSettings = build("generation", cfg.generation)
    if not settings.prompts:
        return None
    if not cfg.heldout.get("_target_"):
        raise InputError("generation.prompts", settings.prompts, "continues held-out texts; give heldout=pocket, wikitext or text")
    if beside_base:
        remedy = "the base of method=checkpoint or retrained is another run, so give 0 here"
        raise InputError("generation.prompts", settings.prompts, remedy)
    return settings


def check_model_dimensions(experiment: ExperimentConfig) -> None:
    """Raise InputError if the model is known not to have a layer or tensor that the run names. No model is loaded."""
    dimensions = experiment.model.dimensions if experiment.recipe else None
    if experiment.recipe and dimensions:
        check_architecture(experiment.recipe, dimensions)


def _sampling(name: str, node: DictConfig, scoring: Scoring) -> Sampling:
    """Return how many of a dataset's questions are asked, which stands beside the keys of its class."""
    own = build_as(f"dataset.{name}", Sampling, DictConfig({key: node[key] for key in SAMPLING if key in node}))
    return replace(own, stderr=scoring.stderr)


def _resolved(cfg: DictConfig, recipe: UnlearningConfig | None) -> dict[str, Any]:
    """Return the configuration as plain values; noise without effect is written as none, so that it is the same run."""
    values = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(values, dict)
    config = unstated(unsampled(renames.current({str(key): value for key, value in values.items()})))
    return config | ({"noise": NO_NOISE} if recipe and recipe.noise is None else {})


def _recipe(cfg: DictConfig) -> UnlearningConfig | None:
    """Return how to unlearn; None without a method. Every section is checked either way."""
    method: Method | None = _following("method", build("method", cfg.method), METHOD)
    retain: RetainLoss | None = _following("retain", build("retain", cfg.retain), RETAIN_LOSS)
    noise: Noise | None = _following("noise", build("noise", cfg.noise), NOISE)
    train: Train = build("train", cfg.train)
    optimizer: Optimizer = build("optimizer", cfg.optimizer)
    if not isinstance(cfg.topics, DictConfig):
        raise InputError("topics", cfg.topics, "is a section; add to it, as in +topics.NAME.retain_weight=50")
    topics = {str(name): _topic(str(name), cfg, train) for name in cfg.topics}
    seed = _whole("seed", cfg.seed, 0)
    if noise is None and cfg.noise.get("scale"):
        raise InputError("noise.scale", cfg.noise.scale, f"noise=none adds no noise; give nu={cfg.noise.scale}, or noise=rna")
    if method is None:
        return None
    if method.layer is None and retain and not retain.reads_logits:
        raise InputError(
            "retain._target_",
            cfg.retain._target_,
            "compares hidden states, but the method steers no layer; give retain=kl, mse or ce",
        )
    return UnlearningConfig(method, retain, _effective(noise, method, retain), train, optimizer, topics, seed)


def _following(section: str, built: Any, names: Sequence[str]) -> Any:
    """Return what was built; raise InputError if its class lacks an attribute that the training loop reads."""
    lacking = [name for name in names if built is not None and not hasattr(built, name)]
    if lacking:
        remedy = f"lacks {', '.join(lacking)}; rna_bench/README.md shows what a {section} has"
        raise InputError(f"{section}._target_", class_path(built), remedy)
    if "mean_over" in names and built is not None and not isinstance(built.mean_over, MeanOver):
        known = ", ".join(f"MeanOver.{one.name}" for one in MeanOver)
        raise InputError(f"{section}._target_", class_path(built), f"its mean_over is {built.mean_over!r}; give one of {known}")
    return built


def _effective(noise: Noise | None, method: Method, retain: RetainLoss | None) -> Noise | None:
    """Return the noise, or None where no loss reads what it acts on, which is logged."""
    reason = without_effect(noise, method, retain) if noise else ""
    if noise and reason and noise.noised_layers:
        LOG.warning("noise=%s has no effect here: %s; the run is the same as with noise=none", type(noise).__name__, reason)
    return None if reason else noise


def _topic(name: str, cfg: DictConfig, train: Train) -> TopicConfig:
    """Return a topic's own method and training: the run's, with the topic's settings over them."""
    key = f"topics.{name}"
    if not isinstance(cfg.topics[name], DictConfig):
        raise InputError(key, cfg.topics[name], "give settings, for instance {retain_weight: 50}")
    settings: TopicSettings = build_as(key, TopicSettings, cfg.topics[name])
    merged = OmegaConf.merge(OmegaConf.create(OmegaConf.to_container(cfg.method, resolve=True)), settings.method or {})
    assert isinstance(merged, DictConfig)
    return TopicConfig(build(f"{key}.method", merged), settings.train(train))


def _folder(value: object) -> Path:
    if not value:
        raise InputError("results_dir", value, "give the name of a folder")
    return Path(str(value)).expanduser()


def _flag(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InputError(key, value, "give true or false")
    return value


def _whole(key: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(key, value, f"give a whole number, {least} or more")
    return value
