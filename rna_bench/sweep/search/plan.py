"""The plan of a search: a search file, composed and checked, and the configuration of a run for any values of its space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from rna_bench.core.conf_files import config_folder
from rna_bench.core.schemas import build, build_as
from rna_bench.core.spelling import choose_one
from rna_bench.core.types import InputError
from rna_bench.experiment.compose import compose_from, given, without
from rna_bench.experiment.config import ExperimentConfig, check_model_dimensions, experiment_config
from rna_bench.runs.identity import relevant, settings
from rna_bench.sweep.search.objectives import Objective
from rna_bench.sweep.search.space import Choices, Dimension, Range, override


@dataclass(frozen=True)
class Search:
    """The section `search` of a search file.

    `trials` is the number of trials over all launches, of which the first `startup` are drawn at random; `folder` is below
    results_dir; a launch stops after `patience` failures in a row. `space` maps names to a `Range` or `Choices`, `objectives`
    maps names to an `Objective`.
    """

    trials: int
    startup: int
    seed: int
    folder: str
    patience: int
    space: dict[str, Any]
    objectives: dict[str, Any]

    def __post_init__(self) -> None:
        for key, least in {"trials": 1, "startup": 1, "patience": 1, "seed": 0}.items():
            if vars(self)[key] < least:
                raise InputError(f"search.{key}", vars(self)[key], f"give {least} or more")
        if not self.folder or Path(self.folder).is_absolute() or ".." in Path(self.folder).parts:
            raise InputError("search.folder", self.folder, "give the name of a folder below results_dir")
        for key in ("space", "objectives"):
            if not vars(self)[key]:
                raise InputError(f"search.{key}", "", "is empty; give at least one")


@dataclass(frozen=True)
class SearchPlan:
    """A search: its settings, its space, its objectives, and the run that it varies."""

    name: str
    overrides: tuple[str, ...]
    own: Path | None
    search: Search
    space: Mapping[str, Dimension]
    objectives: Mapping[str, Objective]
    base: ExperimentConfig

    @property
    def folder(self) -> Path:
        """The folder of the study and its front."""
        return self.base.results_dir / self.search.folder

    @property
    def settings(self) -> dict[str, Any]:
        """What must stay the same during a study: everything that determines results, and what the sampler depends on."""
        fixed = {key: getattr(self.search, key) for key in ("startup", "seed", "space", "objectives")}
        run = _without_keys(relevant(self.base.config), [dimension.key for dimension in self.space.values()])
        return {**settings(run), "model": run["model"], "search": settings(fixed)}  # the model with its path

    def experiment(self, values: Mapping[str, Any]) -> ExperimentConfig:
        """Return the configuration with these values, by name; its run has the identity that `rna-bench run` gives it."""
        chosen = [override(self.space[name], value) for name, value in values.items()]
        return _composed(self.name, [*self.overrides, *chosen], self.own)[0]


def plan_search(name: str, overrides: Sequence[str], own: Path | None = None) -> SearchPlan:
    """Return the plan of a file of sweeps/search; bad values anywhere in its space raise InputError."""
    if not find_spec("optuna"):
        raise InputError("search", name, "needs optuna; pip install 'rna_bench[search]'")
    names = sorted(path.stem for path in _files().glob("*.yaml"))
    if name not in names:
        raise InputError("search", name, f"there is no such search; {choose_one(name, names)}")
    base, section = _composed(name, overrides, own)
    search: Search = build("search", section)
    space = {str(each): _dimension(f"search.space.{each}", section.space, str(each)) for each in search.space}
    objectives = {str(each): build(f"search.objectives.{each}", section.objectives[each]) for each in search.objectives}
    plan = SearchPlan(name, tuple(overrides), own, search, space, objectives, base)
    _check(plan)
    return plan


def _files() -> Path:
    return config_folder("sweeps") / "search"


def _composed(name: str, overrides: Sequence[str], own: Path | None) -> tuple[ExperimentConfig, DictConfig]:
    """Return the configuration of the run that a search file composes to, and its section `search`, which is no part of it."""
    cfg, choices = compose_from(_files(), name, overrides, own)
    return experiment_config(without(cfg, "search"), choices), cfg.search


def _dimension(key: str, space: DictConfig, name: str) -> Dimension:
    if not isinstance(space[name], DictConfig):
        raise InputError(key, space[name], "give {key: KEY, low: NUMBER, high: NUMBER} or {key: KEY, choices: [VALUE, ...]}")
    return build_as(key, Choices if "choices" in space[name] else Range, space[name])


def _check(plan: SearchPlan) -> None:
    """Raise InputError unless every probe makes a run with layers that the model has and that losses reach."""
    for name, dimension in plan.space.items():
        value = given(dimension.key, plan.overrides)
        if value is not None:
            remedy = f"is chosen by the search; leave it out, or take it out of the space with ~search.space.{name}"
            raise InputError(dimension.key, value, remedy)
    for number in range(max(len(dimension.probes) for dimension in plan.space.values())):
        values = {name: each.probes[min(number, len(each.probes) - 1)] for name, each in plan.space.items()}
        experiment = plan.experiment(values)
        try:
            check_model_dimensions(experiment)
        except InputError as error:
            raise InputError("search.space", " ".join(map(str, values.values())), f"makes no run ({error})") from error


def _without_keys(config: Mapping[str, Any], keys: Sequence[str], prefix: str = "") -> dict[str, Any]:
    """Return nested settings without some keys, which are dotted."""
    return {
        name: _without_keys(value, keys, f"{prefix}{name}.") if isinstance(value, Mapping) else value
        for name, value in config.items()
        if f"{prefix}{name}" not in keys
    }
