"""From composed Hydra configuration to frozen dataclasses: the door at which configuration stops."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

import hydra
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf, read_write
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException, ValidationError

from rna_bench.core.renames import moved
from rna_bench.core.types import InputError

PACKAGE = Path(__file__).parents[1]
MOST_WORKERS = 8


def workers(threads: int) -> int:
    """Return how many processes with so many threads each the cores that this process may use are for."""
    from joblib import cpu_count

    return max(1, min(MOST_WORKERS, cpu_count() // max(1, threads)))


OmegaConf.register_new_resolver("workers", workers, replace=True)  # for conf/launcher/joblib.yaml
EXTRAS = {"submitit_slurm": ("slurm", "hydra-submitit-launcher"), "ray": ("ray", "hydra-ray-launcher")}
"""Hydra's launchers that are not installed by default: the extra, which is named as our launcher is, and its package."""

OmegaConf.register_new_resolver("gpus", lambda device: int(device != "cpu"), replace=True)  # of a run: ${gpus:${model.device}}


def config_folder(name: str) -> Path:
    """Return the folder `conf` or `sweeps`: beside the package in a clone, inside it in an installed wheel."""
    beside = PACKAGE.parent / name
    return beside if (PACKAGE.parent / "pyproject.toml").exists() and beside.is_dir() else PACKAGE / name


def build(key: str, node: DictConfig) -> Any:
    """Return the dataclass that the section's `_target_` names, its fields checked against the class; None for a null target.

    The class is its own schema: unknown keys, wrong types and missing values raise InputError.
    """
    fields: dict[str, Any] = {str(name): value for name, value in _plain(key, node).items()}
    target = fields.pop("_target_", None)
    if target is None:
        return None
    try:
        cls = get_class(moved(target))
    except Exception as error:  # Hydra raises several kinds, by what is missing
        raise InputError(f"{key}._target_", target, "cannot be imported; give the full name of a dataclass") from error
    if not is_dataclass(cls):
        raise InputError(f"{key}._target_", target, "is not a dataclass; give the full name of one")
    return _checked(key, cls, fields)


def build_as(key: str, cls: type, node: DictConfig) -> Any:
    """Return the section as the given dataclass, checked as in `build`."""
    return _checked(key, cls, {str(name): value for name, value in _plain(key, node).items()})


def _checked(key: str, cls: type, fields: Mapping[str, Any]) -> Any:
    """Return the dataclass; a field that is a dataclass itself is checked first, as OmegaConf cannot merge into a frozen one."""
    inner = {name: kind for name, kind in _inner(cls).items() if isinstance(fields.get(name), Mapping)}
    schema = OmegaConf.structured(cls)
    with read_write(schema):
        for name, kind in inner.items():
            schema[name] = _checked(f"{key}.{name}", kind, fields[name])
    try:
        return OmegaConf.to_object(OmegaConf.merge(schema, {name: fields[name] for name in fields if name not in inner}))
    except OmegaConfBaseException as error:
        raise _field_error(key, fields, cls, error) from error


def _inner(cls: type) -> dict[str, type]:
    """Return the fields that are dataclasses, or None."""
    hints = {
        name: get_args(kind) if isinstance(kind, UnionType) else (kind,)  # not a list's or a mapping's items
        for name, kind in get_type_hints(cls).items()
    }
    return {name: kind for name, kinds in hints.items() for kind in kinds if isinstance(kind, type) and is_dataclass(kind)}


def compose_run(overrides: Sequence[str]) -> tuple[DictConfig, dict[str, str]]:
    """Return run.yaml with overrides, less Hydra's own section, and which option of each group was chosen."""
    return compose_from(config_folder("conf"), "run", overrides)


def compose_from(folder: Path, name: str, overrides: Sequence[str], own: Path | None = None) -> tuple[DictConfig, dict[str, str]]:
    """Return the named configuration of a folder as `compose_run` returns run.yaml; it may begin with `run`.

    `own` is a user's folder of configuration, as `--config-dir` is.
    """
    beside = [each.absolute().as_uri() for each in (config_folder("conf"), own) if each and each != folder]
    searched = [f"hydra.searchpath=[{','.join(beside)}]"] if beside else []
    with hydra.initialize_config_dir(str(folder), version_base="1.3"):
        cfg = hydra.compose(name, [*searched, *overrides], return_hydra_config=True)
    choices = {str(group): str(option) for group, option in cfg.hydra.runtime.choices.items()}
    return without(cfg, "hydra"), choices


def without(cfg: DictConfig, section: str) -> DictConfig:
    """Return the configuration less a section."""
    left = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != section])
    assert isinstance(left, DictConfig)
    return left


def compose_model(overrides: Sequence[str]) -> Any:
    """Return the model section of run.yaml with overrides, built."""
    return build("model", compose_run(overrides)[0].model)


def _plain(key: str, node: DictConfig) -> dict[Any, Any]:
    try:
        values = OmegaConf.to_container(node, resolve=True)
    except OmegaConfBaseException as error:
        raise InputError(key, "", f"cannot be resolved ({first_line(error)})") from error
    assert isinstance(values, dict)
    return values


def _field_error(key: str, fields: Mapping[str, Any], cls: type, error: OmegaConfBaseException) -> InputError:
    name = str(error.full_key)
    value = fields.get(name.split("[")[0], "")
    if isinstance(error, MissingMandatoryValue):
        return InputError(f"{key}.{name}", "???", f"must be given; add {key}.{name}=VALUE")
    if isinstance(error, ConfigKeyError):
        return InputError(
            f"{key}.{name}", value, f"is no key of {cls.__name__}; choose one of {', '.join(vars(cls)['__dataclass_fields__'])}"
        )
    return InputError(f"{key}.{name}", value, f"{first_line(error)}; give a value of the type that {cls.__name__} declares")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def one_line(error: Exception) -> str:
    """Return any error as one line."""
    if isinstance(error, HydraException | OmegaConfBaseException):
        return str(composition_error(error))
    return f"{type(error).__name__}: {' '.join(str(error).split())} (RNA_BENCH_TRACEBACK=1 shows where)"


def composition_error(error: HydraException | OmegaConfBaseException) -> InputError:
    """Return Hydra's error as one line that names the key, the value and the remedy."""
    missing = _cause(error, MissingConfigException)
    if isinstance(missing, MissingConfigException) and missing.missing_cfg_file:
        group, _, value = missing.missing_cfg_file.rpartition("/")
        if group == "hydra/launcher" and value in EXTRAS:
            extra, package = EXTRAS[value]
            return InputError("launcher", extra, f"needs {package}; pip install 'rna_bench[{extra}]'")
        choices = ", ".join(sorted(missing.options or ()))
        return InputError(
            group or "config", value, f"there is no such configuration; choose one of {choices}" if choices else first_line(error)
        )
    unknown = _cause(error, ConfigKeyError)
    if unknown is None:
        unknown = _cause(error, OmegaConfBaseException)
    if isinstance(unknown, OmegaConfBaseException) and unknown.full_key:
        parent = unknown.parent_node
        known = ", ".join(str(name) for name in parent if name != "_target_") if isinstance(parent, DictConfig) else ""
        key = str(unknown.full_key)
        value = (given(key, sys.argv) or "") if unknown.value is None else unknown.value
        if isinstance(unknown, ValidationError) or not isinstance(parent, DictConfig):
            return InputError(key, value, first_line(unknown))
        section = key.rpartition(".")[0]
        remedy = f"choose one of {known}" if known else f"the {section} chosen has none; leave it out, or choose another {section}"
        return InputError(key, value, f"there is no such key; {remedy}")
    hint = " ".join(str(error).split())
    return InputError("config", "", hint if isinstance(error, ConfigCompositionException) else first_line(error))


def given(key: str, words: Sequence[str]) -> str | None:
    """Return the value that the last KEY=VALUE of that key has among the words of a command line, or None."""
    pairs = (word.partition("=") for word in reversed(words))
    return next((value for name, _, value in pairs if name.lstrip("+~") == key), None)


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """Return the error or the first of its causes that is of a kind."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error
