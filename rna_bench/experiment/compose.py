"""Composing configurations with Hydra, and Hydra's errors as one line."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException, ValidationError
from yaml import MarkedYAMLError, YAMLError

from rna_bench.core.class_source import class_fields
from rna_bench.core.conf_files import config_folder
from rna_bench.core.own_code import own_place
from rna_bench.core.renames import quoted
from rna_bench.core.schemas import build, first_line
from rna_bench.core.spelling import choose_one
from rna_bench.core.types import InputError
from rna_bench.experiment.chosen import HOW, unchosen
from rna_bench.experiment.ignored import NOISE
from rna_bench.experiment.overrides import check_overrides
from rna_bench.experiment.precedence import settle

EXTRAS = {"submitit_slurm": ("slurm", "hydra-submitit-launcher"), "ray": ("ray", "hydra-ray-launcher")}
"""Hydra's launchers that are not installed by default: the extra, which is named as our launcher is, and its package."""
SEVERAL = re.compile(r"(?:Ambiguous value for argument|Sweep parameters) '(?P<key>[^=]+)=(?P<value>.*)'")
"""How Hydra refuses several values where one is needed."""


def compose_run(overrides: Sequence[str], own: Path | None = None) -> tuple[DictConfig, dict[str, str]]:
    """Return run.yaml with overrides, without Hydra's own section, and which option of each group was chosen.

    `own` is a user's folder of configuration, as `--config-dir` is.
    """
    return compose_from(config_folder("conf"), "run", overrides, own)


def compose_from(folder: Path, name: str, overrides: Sequence[str], own: Path | None = None) -> tuple[DictConfig, dict[str, str]]:
    """Return the named configuration of a folder as `compose_run` returns run.yaml; it may begin with `run`.

    `own` is as in `compose_run`.
    """
    overrides = quoted(overrides)
    check_overrides(overrides, own)
    beside = [each.absolute().as_uri() for each in (config_folder("conf"), own) if each and each != folder]
    searched = [f"hydra.searchpath=[{','.join(beside)}]"] if beside else []
    refuse_no_option(overrides)
    with hydra.initialize_config_dir(str(folder), version_base="1.3"):
        try:
            cfg = hydra.compose(name, [*searched, *overrides], return_hydra_config=True)
        except YAMLError as error:
            raise yaml_error(error) from error
        except (HydraException, OmegaConfBaseException) as error:
            raise composition_error(error, overrides) from error
    return settled(without(cfg, "hydra"), cfg.hydra)


def settled(cfg: DictConfig, section: DictConfig) -> tuple[DictConfig, dict[str, str]]:
    """Return a configuration with the user's values over a preset's, and the choices; `section` is Hydra's own of it."""
    settle(cfg, section)
    choices = {str(group): str(option) for group, option in section.runtime.choices.items()}
    return cfg, choices


def refuse_no_option(overrides: Sequence[str]) -> None:
    """Raise InputError for GROUP=null, which Hydra has no name for."""
    for word in overrides:
        group, _, values = word.partition("=")
        folder = config_folder("conf") / group
        if "null" in values.split(",") and group and folder.is_dir():
            options = sorted(path.stem for path in folder.glob("*.yaml"))
            remedy = f"give {group}=none" if "none" in options else f"choose one of {', '.join(options)}"
            raise InputError(group, values, f"null is no option; {remedy}")


def without(cfg: DictConfig, section: str) -> DictConfig:
    """Return the configuration without a section."""
    left = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != section])
    assert isinstance(left, DictConfig)
    return left


def compose_model(overrides: Sequence[str]) -> Any:
    """Return the model section of run.yaml with overrides, built."""
    return build("model", compose_run(overrides)[0].model)


def one_line(error: Exception) -> str:
    """Return any error as one line; of one in a user's own code, with its place."""
    if isinstance(error, HydraException | OmegaConfBaseException):
        return str(composition_error(error))
    if isinstance(error, YAMLError):
        return str(yaml_error(error))
    place = own_place(error)
    at = f"in {place}; " if place else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())} ({at}-v shows the traceback)"


def yaml_error(error: YAMLError) -> InputError:
    """Return the error of a YAML file that cannot be read as one line that names the file and the line."""
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    place = f"{mark.name}:{mark.line + 1}" if mark else ""
    problem = error.problem if isinstance(error, MarkedYAMLError) else first_line(error)
    return InputError("config", place, f"is not valid YAML ({problem}); correct the file")


def composition_error(error: HydraException | OmegaConfBaseException, overrides: Sequence[str] = ()) -> InputError:
    """Return Hydra's error as one line that names the key, the value and the remedy."""
    unread = _cause(error, OverrideParseException)
    if isinstance(unread, OverrideParseException):
        key, _, value = unread.override.partition("=")
        return InputError(key, value, "cannot be read; give KEY=VALUE, in quotes where VALUE has brackets, commas or spaces")
    several = SEVERAL.search(str(error))
    if several:
        return InputError(several["key"], several["value"], "is not one value; give one, or several by `run -m` or `sweep`")
    missing = _cause(error, MissingConfigException)
    if isinstance(missing, MissingConfigException) and missing.missing_cfg_file:
        group, _, value = missing.missing_cfg_file.rpartition("/")
        if group == "hydra/launcher" and value in EXTRAS:
            extra, package = EXTRAS[value]
            return InputError("launcher", extra, f"needs {package}; pip install 'rna_bench[{extra}]'")
        choices = sorted(missing.options or ())
        remedy = f"there is no such option; {choose_one(value, choices)}" if choices else first_line(error)
        return InputError(group or "config", value, remedy)
    unknown = _cause(error, ConfigKeyError)
    if unknown is None:
        unknown = _cause(error, OmegaConfBaseException)
    if isinstance(unknown, OmegaConfBaseException) and unknown.full_key:
        parent = unknown.parent_node
        known = [str(name) for name in parent if name not in ("_target_", "hydra")] if isinstance(parent, DictConfig) else []
        key = str(unknown.full_key)
        if key in HOW and isinstance(parent, DictConfig) and key not in parent:
            return unchosen([key], given("model", overrides or sys.argv) or "pocket")
        value = (given(key, overrides or sys.argv) or "") if unknown.value is None else unknown.value
        if isinstance(unknown, ValidationError) or not isinstance(parent, DictConfig):
            return InputError(key, value, first_line(unknown))
        section, _, name = key.rpartition(".")
        if section == "topics":
            return InputError(key, value, f"a topic's own settings are added with a plus, as in +{key}.retain_weight=50")
        option = given(section, overrides or sys.argv)
        where = f" with {section}={option}" if option else ""
        return InputError(key, value, f"there is no such key{where}; {_remedy(section, name, value, known, parent)}")
    hint = " ".join(str(error).split())
    return InputError("config", "", hint if isinstance(error, ConfigCompositionException) else first_line(error))


def _remedy(section: str, name: str, value: Any, known: Sequence[str], parent: DictConfig) -> str:
    """Return what to do about a key that a section has not: of its class all the same, or of its other options."""
    key, target = f"{section}.{name}", parent.get("_target_")
    if isinstance(target, str) and name in (class_fields(target) or ()):
        return f"its YAML leaves it out; add {name} there, or give +{key}={value}"
    others = {theirs: own for own, theirs in NOISE.items()}
    if key in others:
        return f"in a grid give {others[key]}={value}, which the kinds of noise that have one take"
    return choose_one(name, known) if known else f"the {section} chosen has none; leave it out, or choose another {section}"


def given(key: str, words: Sequence[str]) -> str | None:
    """Return the value that the last KEY=VALUE of that key has among the words of a command line, or None."""
    pairs = (word.partition("=") for word in reversed(words))
    return next((value for name, _, value in pairs if name.lstrip("+~") == key), None)


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """Return the error or the first of its causes that is of a kind. Hydra raises errors that are their own cause."""
    passed: list[BaseException] = []
    while error is not None and not isinstance(error, kind) and not any(error is one for one in passed):
        passed.append(error)
        error = error.__cause__ or error.__context__
    return error if isinstance(error, kind) else None
