"""A composed configuration, checked against every schema, before any model is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from omegaconf import DictConfig, OmegaConf

from rna_bench.core import renames, secrets
from rna_bench.core.schemas import build, build_as
from rna_bench.core.types import Dtype, InputError, ModelFolder
from rna_bench.data.corpora import Corpus
from rna_bench.data.questions import QuestionSource
from rna_bench.data.triggers import TriggerSource
from rna_bench.evaluation.scoring import Scoring
from rna_bench.models.architecture import Architecture
from rna_bench.models.store import Reuse
from rna_bench.runs.tracking import Tracker
from rna_bench.unlearning.checkpoint import CheckpointInterval
from rna_bench.unlearning.config import Method, RetainLoss, TopicConfig, TopicSettings, Train, UnlearningConfig
from rna_bench.unlearning.noise import Noise
from rna_bench.unlearning.optimizers import Optimizer


class ModelSource(Protocol):
    """Where a model comes from. `missing` has a line, with its remedy, for each thing that a run would not find.

    `dimensions` are known without fetching or training anything, or None.
    """

    @property
    def dtype(self) -> Dtype: ...
    @property
    def device(self) -> str: ...
    @property
    def dimensions(self) -> Architecture | None: ...
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
    trigger: TriggerSource
    scoring: Scoring
    tracker: Tracker
    reuse: Reuse
    checkpoint: CheckpointInterval
    keep_delta: bool
    recipe: UnlearningConfig | None
    config: dict[str, Any]
    choices: dict[str, str]


def experiment_config(cfg: DictConfig, choices: Mapping[str, str]) -> ExperimentConfig:
    """Return the plan that a composed configuration stands for; bad values raise InputError."""
    recipe = _recipe(cfg)
    _check_noise(cfg, choices)
    seed, threads = _whole("seed", cfg.seed, 0), _whole("threads", cfg.threads, 1)
    names = {str(name): build(f"dataset.{name}", node) for name, node in cfg.dataset.items()}
    config = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(config, dict)
    secrets.refuse({str(key): value for key, value in config.items()})
    return ExperimentConfig(
        seed=seed,
        threads=threads,
        results_dir=_folder(cfg.results_dir),
        model=build("model", cfg.model),
        corpus=build("corpus", cfg.corpus) if recipe else None,
        datasets=names,
        trigger=build("trigger", cfg.trigger),
        scoring=build("scoring", cfg.scoring),
        tracker=build("tracker", cfg.tracker),
        reuse=build("reuse", cfg.reuse),
        checkpoint=build("checkpoint", cfg.checkpoint),
        keep_delta=_flag("keep_delta", cfg.keep_delta),
        recipe=recipe,
        config=renames.current({str(key): value for key, value in config.items()}),
        choices={key: str(value) for key, value in choices.items() if not key.startswith("hydra/")},
    )


def _recipe(cfg: DictConfig) -> UnlearningConfig | None:
    """Return how to unlearn; None without a method. Every section is checked either way."""
    method: Method | None = build("method", cfg.method)
    retain: RetainLoss | None = build("retain", cfg.retain)
    noise: Noise = build("noise", cfg.noise)
    train: Train = build("train", cfg.train)
    optimizer: Optimizer = build("optimizer", cfg.optimizer)
    topics = {str(name): _topic(str(name), cfg, train) for name in cfg.topics}
    seed = _whole("seed", cfg.seed, 0)
    if method is None or retain is None:
        return None
    if method.layer is None and not retain.reads_logits:
        raise InputError("retain._target_", cfg.retain._target_, "the method steers no layer to compare at; give a loss on logits")
    return UnlearningConfig(method, retain, noise, train, optimizer, topics, seed)


def _topic(name: str, cfg: DictConfig, train: Train) -> TopicConfig:
    """Return a topic's own method and training: the run's, with the topic's settings over them."""
    key = f"topics.{name}"
    if not isinstance(cfg.topics[name], DictConfig):
        raise InputError(key, cfg.topics[name], "give settings, for instance {retain_weight: 50}")
    settings: TopicSettings = build_as(key, TopicSettings, cfg.topics[name])
    merged = OmegaConf.merge(OmegaConf.create(OmegaConf.to_container(cfg.method, resolve=True)), settings.method or {})
    assert isinstance(merged, DictConfig)
    return TopicConfig(build(f"{key}.method", merged), settings.train(train))


def _check_noise(cfg: DictConfig, choices: Mapping[str, str]) -> None:
    if choices.get("noise") == "none" and cfg.noise.scale:
        raise InputError("noise.scale", cfg.noise.scale, "noise=none is no noise; give noise=rna")


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
