"""The YAML files of conf and sweeps as they lie on disk: groups, options, and what their comments say. Nothing is composed."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]


def config_folder(name: str) -> Path:
    """Return the folder `conf` or `sweeps`: beside the package in a clone, inside it in an installed wheel."""
    beside = PACKAGE.parent / name
    return beside if (PACKAGE.parent / "pyproject.toml").exists() and beside.is_dir() else PACKAGE / name


def conf_folders(own: Path | None = None) -> list[Path]:
    """Return the folders that options are looked up in: the project's, and the user's folder `own`."""
    return [config_folder("conf"), *([own] if own else [])]


def groups(folders: Iterable[Path]) -> list[str]:
    """Return the names of all groups."""
    return sorted(
        {path.name for folder in folders if folder.is_dir() for path in folder.glob("[!._]*") if any(path.glob("*.yaml"))}
    )


def options(group: str, folders: Iterable[Path]) -> dict[str, Path]:
    """Return the options of a group by name, with the files that they are in."""
    files = {path.stem: path for folder in folders for path in (folder / group).glob("*.yaml")}
    return dict(sorted(files.items()))


def sweeps(folder: str = "") -> dict[str, Path]:
    """Return the project's sweeps by name, with their files; those of a subfolder are searches."""
    return {path.stem: path for path in sorted((config_folder("sweeps") / folder).glob("*.yaml"))}


def leading_comment(file: Path) -> str:
    """Return the comment that a YAML file begins with, as one paragraph."""
    lines: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        if not line.startswith("# @"):  # `# @package`, which Hydra reads
            lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


def first_sentence(text: str) -> str:
    """Return a paragraph up to the end of its first sentence, without the full stop."""
    return re.split(r"\.\s+(?=[A-Z])", text, maxsplit=1)[0].removesuffix(".")


def yaml_of(file: Path) -> Any:
    """Return what a YAML file holds."""
    import yaml

    return yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)


def mapping(file: Path) -> dict[str, Any]:
    """Return what a YAML file holds under its keys: nothing, if it cannot be read or holds no keys."""
    import yaml

    try:
        values = yaml_of(file)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return {str(key): value for key, value in values.items()} if isinstance(values, dict) else {}
