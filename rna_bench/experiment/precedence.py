"""Who wins: the command line over a user's own YAML, that over a preset of ours, and that over a method's and a model's defaults.

Hydra merges a preset last. Where a preset of ours sets a key that an option of the user's sets, too, the user's value is put back.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf, read_write

from rna_bench.core.conf_files import config_folder
from rna_bench.core.types import InputError
from rna_bench.experiment.resolvers import searched_folders

PRESET = "preset"


class Option(NamedTuple):
    """An option of a group, and its file."""

    group: str
    name: str
    file: Path

    @property
    def ours(self) -> bool:
        """Whether the file is the project's."""
        return self.file.is_relative_to(config_folder("conf"))


def settle(cfg: DictConfig, hydra: DictConfig) -> None:
    """Put the user's values over those of a preset of ours; `hydra` is Hydra's own section of the same composition.

    Raise InputError for a file of the user's that was not read, and for a choice of another group in it that was not followed.
    """
    folders = searched_folders(hydra.runtime.config_sources)
    words = list(hydra.overrides.task)
    options = [each for group, name in hydra.runtime.choices.items() if (each := _option(folders, str(group), str(name)))]
    for option in options:
        _refuse_shadowed(option, folders)
    own = [option for option in options if not option.ours and option.group != PRESET]
    for option in own:
        _refuse_unfollowed(option, cfg, hydra.runtime.choices, words)
    preset = next((option for option in options if option.group == PRESET and option.ours), None)
    values = dict(_leaves(_content(preset, folders))) if preset and own else {}
    for option in own:
        for key, value in _leaves(_content(option, folders)):
            if key in values and _raw(cfg, key) == values[key] and not _on_command_line(key, words):
                with read_write(cfg):
                    OmegaConf.update(cfg, key, value)


def _option(folders: Sequence[Path], group: str, name: str) -> Option | None:
    """Return the option as Hydra finds it, in the first folder that has it."""
    files = (folder / group / f"{name}.yaml" for folder in folders)
    return next((Option(group, name, file) for file in files if file.is_file()), None)


def _refuse_shadowed(option: Option, folders: Sequence[Path]) -> None:
    for folder in folders:
        file = folder / option.group / option.file.name
        if file != option.file and file.is_file() and file.read_bytes() != option.file.read_bytes():
            raise InputError(option.group, option.name, f"{file} is not read: {option.file} has the same name; rename yours")


def _refuse_unfollowed(option: Option, cfg: DictConfig, choices: Mapping[str, Any], words: Sequence[str]) -> None:
    for group, wanted in _overrides(_load(option.file)):
        chosen = sorted(map(str, cfg.get(group) or ())) if isinstance(wanted, list) else str(choices.get(group))
        if chosen != (sorted(map(str, wanted)) if isinstance(wanted, list) else str(wanted)) and not _on_command_line(group, words):
            text = f"[{','.join(map(str, wanted))}]" if isinstance(wanted, list) else wanted
            remedy = f"is chosen by {option.file}, but {_named(chosen)} by another file; give {group}={text} on the command line"
            raise InputError(group, text, remedy)


def _named(chosen: str | list[str]) -> str:
    return f"[{','.join(chosen)}]" if isinstance(chosen, list) else chosen


def _overrides(node: DictConfig) -> Iterator[tuple[str, Any]]:
    """Yield the group and the option of each entry `override /GROUP@...: OPTION` of a file's defaults."""
    values: Any = OmegaConf.to_container(node, resolve=False)
    for entry in values.get("defaults") or ():
        for key, value in entry.items() if isinstance(entry, dict) else ():
            if str(key).startswith("override "):
                yield str(key).removeprefix("override ").strip().lstrip("/").partition("@")[0], value


def _content(option: Option, folders: Sequence[Path]) -> dict[str, Any]:
    """Return what an option sets, from the top of the configuration: its own values over those of files of its group and owner."""
    values: Any = OmegaConf.to_container(_load(option.file), resolve=False)
    base: dict[str, Any] = {}
    for name in values.pop("defaults", None) or ():
        part = _option(folders, option.group, name) if isinstance(name, str) and name != "_self_" else None
        base = _merged(base, _content(part, folders)) if part and part.ours == option.ours else base
    for name in reversed(_package(option).split(".") if _package(option) else ()):
        values = {name: values}
    return _merged(base, values)


def _package(option: Option) -> str:
    """Return where in the configuration an option's values go, "" for the top."""
    first = option.file.read_text(encoding="utf-8").partition("\n")[0]
    named = first.removeprefix("# @package ").strip() if first.startswith("# @package ") else "_group_"
    return {"_group_": option.group.replace("/", "."), "_global_": "", "": ""}.get(named, named)


def _load(file: Path) -> DictConfig:
    node = OmegaConf.load(file)
    return node if isinstance(node, DictConfig) else OmegaConf.create({})


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged: Any = OmegaConf.to_container(OmegaConf.merge(base, over), resolve=False)
    return merged


def _leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        yield from _leaves(value, f"{prefix}{key}.") if isinstance(value, dict) and value else [(f"{prefix}{key}", value)]


def _raw(cfg: DictConfig, key: str) -> Any:
    node: Any = OmegaConf.to_container(cfg, resolve=False)
    for name in key.split("."):
        node = node.get(name) if isinstance(node, dict) else None
    return node


def _on_command_line(key: str, words: Sequence[str]) -> bool:
    """Return whether a word of the command line sets the key or a section that it is in."""
    named = [word.partition("=")[0].lstrip("+~").partition("@")[0] for word in words]
    return any(key == name or key.startswith(f"{name}.") for name in named)
