"""Turns a section of the composed configuration into the frozen dataclass that it names; the class is its own schema."""

import logging
import sys
from collections.abc import Collection, Mapping
from dataclasses import is_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf, read_write
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

from rna_bench.core.renames import added, moved, renamed_fields
from rna_bench.core.spelling import choose_one
from rna_bench.core.types import InputError

logging.getLogger("hydra.utils").setLevel(logging.CRITICAL)  # a class that cannot be imported is reported here, in one line


def build(key: str, node: DictConfig, beside: Collection[str] = ()) -> Any:
    """Return the dataclass that the section's `_target_` names, its fields checked against the class; None for a null target.

    The class is its own schema: unknown keys, wrong types and missing values raise InputError. Keys `beside` it are another's.
    """
    fields: dict[str, Any] = {str(name): value for name, value in _plain(key, node).items() if name not in beside}
    target = fields.pop("_target_", None)
    if target is None:
        return None
    try:
        cls = get_class(moved(target))
    except Exception as error:  # Hydra raises various exceptions, depending on what is missing
        module, _, name = target.rpartition(".")
        why = f"{module} has no {name}" if module in sys.modules else first_line(error.__cause__ or error)
        remedy = f"cannot be imported ({why}); give the full name of a dataclass on PYTHONPATH"
        raise InputError(f"{key}._target_", target, remedy) from error
    if not is_dataclass(cls):
        raise InputError(f"{key}._target_", target, "is not a dataclass; give the full name of one")
    return _checked(key, cls, fields | added(target))


def build_as(key: str, cls: type, node: DictConfig) -> Any:
    """Return the section as the given dataclass, checked as in `build`."""
    return _checked(key, cls, {str(name): value for name, value in _plain(key, node).items()})


def _checked(key: str, cls: type, fields: Mapping[str, Any]) -> Any:
    """Return the dataclass; fields may have old names. Nested ones are built first: OmegaConf cannot merge into frozen ones."""
    fields = renamed_fields(key, cls.__name__, fields)
    nested = {name: hint for name, hint in _nested(cls).items() if isinstance(fields.get(name), Mapping)}
    schema = OmegaConf.structured(cls)
    with read_write(schema):
        for name, hint in nested.items():
            schema[name] = _checked(f"{key}.{name}", hint, fields[name])
    try:
        return OmegaConf.to_object(OmegaConf.merge(schema, {name: fields[name] for name in fields if name not in nested}))
    except OmegaConfBaseException as error:
        raise _field_error(key, fields, cls, error) from error


def _nested(cls: type) -> dict[str, type]:
    """Return the classes of the fields that are dataclasses or optional ones."""
    hints = {
        name: get_args(hint) if isinstance(hint, UnionType) else (hint,)  # not a list's or a mapping's items
        for name, hint in get_type_hints(cls).items()
    }
    return {name: part for name, parts in hints.items() for part in parts if isinstance(part, type) and is_dataclass(part)}


def _plain(key: str, node: DictConfig) -> dict[Any, Any]:
    """Return the section as a dictionary, interpolations resolved."""
    if not isinstance(node, DictConfig):
        raise InputError(key, node, f"is a section; give its keys, as in {key}.KEY=VALUE")
    try:
        values = OmegaConf.to_container(node, resolve=True)
    except OmegaConfBaseException as error:
        raise InputError(key, "", f"cannot be resolved ({first_line(error)})") from error
    assert isinstance(values, dict)
    return values


def _field_error(key: str, fields: Mapping[str, Any], cls: type, error: OmegaConfBaseException) -> InputError:
    """Return OmegaConf's error as one line that names the key, the value and the remedy."""
    name = str(error.full_key) or _unfit(cls, fields)
    value = fields.get(name.split("[")[0], "")
    if isinstance(error, MissingMandatoryValue):
        there = name.split(".")[0] in fields
        remedy = f"add {key}.{name}=VALUE" if there else f"add {name}: VALUE to its YAML, or give +{key}.{name}=VALUE"
        return InputError(f"{key}.{name}", "???", f"must be given; {remedy}")
    if isinstance(error, ConfigKeyError):
        return InputError(
            f"{key}.{name}", value, f"is not a key of {cls.__name__}; {choose_one(name, vars(cls)['__dataclass_fields__'])}"
        )
    if get_origin(get_type_hints(cls).get(name)) is list and not isinstance(value, list):
        return InputError(f"{key}.{name}", value, f"is not a list; give [{value}]")
    return InputError(f"{key}.{name}", value, f"{first_line(error)}; give a value of the type that {cls.__name__} declares")


def _unfit(cls: type, fields: Mapping[str, Any]) -> str:
    """Return the first field that cannot be merged alone: of a list in place of a mapping OmegaConf names none."""
    for name, value in fields.items():
        try:
            OmegaConf.merge(OmegaConf.structured(cls), {name: value})
        except OmegaConfBaseException:
            return name
    return ""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
