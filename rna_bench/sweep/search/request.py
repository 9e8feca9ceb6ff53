"""What a search is asked for: a search file composed and checked, and a plan for any values of its space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from rna_bench.core.schemas import build, build_as
from rna_bench.core.types import InputError
from rna_bench.experiment.compose import compose_from, given, without
from rna_bench.experiment.config import ExperimentConfig, experiment_config
from rna_bench.experiment.resolvers import config_folder
from rna_bench.runs.identity import relevant, settings
from rna_bench.sweep.search.objectives import Objective
from rna_bench.sweep.search.space import Choices, Dimension, Range, override
from rna_bench.unlearning.config import check_architecture


@dataclass(frozen=True)
class Search:
    """The section `search` of a search file.

    `trials` is the number of settings tried, over all launches, of which the first `startup` are drawn at random; `folder` is
    below results_dir; after `patience` failures one after the other a launch stops. `space` has a `Range` or `Choices` by name,
    `objectives` an `Objective`.
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
class Request:
    """A search: its settings, what may be chosen, what is wanted, and the run that it varies."""

    name: str
    overrides: tuple[str, ...]
    own: Path | None
    search: Search
    space: Mapping[str, Dimension]
    objectives: Mapping[str, Objective]
    base: ExperimentConfig

    @property
    def folder(self) -> Path:
        """Where the study and its front lie."""
        return self.base.results_dir / self.search.folder

    @property
    def settings(self) -> dict[str, Any]:
        """What a study must not change under way: all that determines results, and what the sampler goes by."""
        kept = ("startup", "seed", "space", "objectives")
        asked = {key: value for key, value in vars(self.search).items() if key in kept}
        searched = [dimension.key for dimension in self.space.values()]
        run = _less(relevant(self.base.config), searched)
        return {**settings(run), "model": run["model"], "search": settings(asked)}  # with the model's path: it is another's

    def plan(self, values: Mapping[str, Any]) -> ExperimentConfig:
        """Return the run with these values, by name: the same run, of the same identity, as `rna-bench run` makes of them."""
        chosen = [override(self.space[name], value) for name, value in values.items()]
        return _composed(self.name, [*self.overrides, *chosen], self.own)[0]


def request_of(name: str, overrides: Sequence[str], own: Path | None = None) -> Request:
    """Return the search that a file of sweeps/search asks for; bad values anywhere in its space raise InputError."""
    if not find_spec("optuna"):
        raise InputError("search", name, "needs optuna; pip install 'rna_bench[search]'")
    known = sorted(path.stem for path in _files().glob("*.yaml"))
    if name not in known:
        raise InputError("search", name, f"there is no such search; choose one of {', '.join(known)}")
    base, section = _composed(name, overrides, own)
    search: Search = build("search", section)
    space = {str(each): _dimension(f"search.space.{each}", section.space, str(each)) for each in search.space}
    objectives = {str(each): build(f"search.objectives.{each}", section.objectives[each]) for each in search.objectives}
    request = Request(name, tuple(overrides), own, search, space, objectives, base)
    _check(request)
    return request


def _files() -> Path:
    return config_folder("sweeps") / "search"


def _composed(name: str, overrides: Sequence[str], own: Path | None) -> tuple[ExperimentConfig, DictConfig]:
    """Return the run that a search file composes to, and its section `search`, which is no part of the run."""
    cfg, choices = compose_from(_files(), name, overrides, own)
    return experiment_config(without(cfg, "search"), choices), cfg.search


def _dimension(key: str, space: DictConfig, name: str) -> Dimension:
    if not isinstance(space[name], DictConfig):
        raise InputError(key, space[name], "give {key: KEY, low: NUMBER, high: NUMBER} or {key: KEY, choices: [VALUE, ...]}")
    return build_as(key, Choices if "choices" in space[name] else Range, space[name])


def _check(request: Request) -> None:
    """Raise InputError unless runs can be made of each dimension's probes, of layers that the model has and losses reach."""
    for name, dimension in request.space.items():
        fixed = given(dimension.key, request.overrides)
        if fixed is not None:
            remedy = f"is what the search chooses; leave it out, or take it out of the space with ~search.space.{name}"
            raise InputError(dimension.key, fixed, remedy)
    for number in range(max(len(dimension.probes) for dimension in request.space.values())):
        values = {name: each.probes[min(number, len(each.probes) - 1)] for name, each in request.space.items()}
        plan = request.plan(values)
        if plan.recipe and plan.model.dimensions:
            try:
                check_architecture(plan.recipe, plan.model.dimensions)
            except InputError as error:
                raise InputError("search.space", " ".join(map(str, values.values())), f"makes no run ({error})") from error


def _less(config: Mapping[str, Any], keys: Sequence[str], prefix: str = "") -> dict[str, Any]:
    """Return nested settings without those keys."""
    return {
        name: _less(value, keys, f"{prefix}{name}.") if isinstance(value, Mapping) else value
        for name, value in config.items()
        if f"{prefix}{name}" not in keys
    }
