"""A composed configuration, checked against every schema, before any model is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from omegaconf import DictConfig, OmegaConf

from rna_bench.config import build
from rna_bench.data.corpora import Corpus
from rna_bench.data.questions import QuestionSource
from rna_bench.data.triggers import LexiconSource
from rna_bench.evaluation.scoring import Scoring
from rna_bench.models.noise import Noise
from rna_bench.runs.tracking import Tracker
from rna_bench.schema import InputError, ModelFolder
from rna_bench.unlearning.loop import Method, Recipe, RetainLoss, Train


class ModelSource(Protocol):
    """Where a model comes from."""

    def folder(self) -> ModelFolder: ...


@dataclass(frozen=True)
class Plan:
    """A run, checked against every schema, before any model is loaded."""

    seed: int
    threads: int
    results_dir: Path
    model: ModelSource
    corpus: Corpus | None
    datasets: Mapping[str, QuestionSource]
    trigger: LexiconSource
    scoring: Scoring
    tracker: Tracker
    recipe: Recipe | None
    config: dict[str, Any]
    choices: dict[str, str]


def plan_of(cfg: DictConfig, choices: Mapping[str, str]) -> Plan:
    """Return the plan that a composed configuration stands for; bad values raise InputError."""
    method: Method | None = build("method", cfg.method)
    retain: RetainLoss | None = build("retain", cfg.retain)
    noise: Noise = build("noise", cfg.noise)
    train: Train = build("train", cfg.train)
    seed, threads = _whole("seed", cfg.seed, 0), _whole("threads", cfg.threads, 1)
    names = {str(name): build(f"dataset.{name}", node) for name, node in cfg.dataset.items()}
    config = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(config, dict)
    return Plan(
        seed=seed,
        threads=threads,
        results_dir=Path(str(cfg.results_dir)).expanduser(),
        model=build("model", cfg.model),
        corpus=build("corpus", cfg.corpus) if method else None,
        datasets=names,
        trigger=build("trigger", cfg.trigger),
        scoring=build("scoring", cfg.scoring),
        tracker=build("tracker", cfg.tracker),
        recipe=Recipe(method, retain, noise, train, seed) if method and retain else None,
        config={str(key): value for key, value in config.items()},
        choices={key: str(value) for key, value in choices.items() if not key.startswith("hydra/")},
    )


def _whole(key: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(key, value, f"give a whole number, {least} or more")
    return value
