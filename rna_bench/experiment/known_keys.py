"""Which keys a configuration may have, by YAML files and the sources of the classes they name. Nothing is composed or imported."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rna_bench.core.class_source import class_fields
from rna_bench.core.conf_files import groups, mapping, options
from rna_bench.core.renames import FIELDS, PRETRAINING, TEXT_SHARES

EARLIER = {old for fields in FIELDS.values() for old in fields} | {*PRETRAINING, *TEXT_SHARES}
"""Earlier names of fields, which are still read."""
PACKAGE = "# @package "


@dataclass
class KnownKeys:
    """The keys of a section, with those of the sections in it. An `open` one may have others, too: that its class is not known."""

    names: dict[str, "KnownKeys"] = field(default_factory=dict)
    open: bool = False

    def add(self, values: Mapping[str, Any]) -> None:
        """Add the keys of a section as it is in one YAML file, and the fields of the class that it names."""
        target = values.get("_target_")
        fields = class_fields(target) if isinstance(target, str) else []
        self.open |= fields is None
        for name in (*values, *(fields or ())):
            known = self.names.setdefault(str(name), KnownKeys())
            value = values.get(name)
            if isinstance(value, Mapping):
                known.open |= "_target_" not in value  # a mapping with keys of the user's, as topics of a corpus
                known.add(value)
            else:
                known.open = True  # may be given a mapping


def known_keys(files: Iterable[Path], folders: Iterable[Path]) -> KnownKeys:
    """Return the keys that a configuration composed of these primary files and of the options in these folders may have."""
    root = KnownKeys()
    for values in [*map(mapping, files), *_option_values([*folders])]:
        for name, section in values.items():
            known = root.names.setdefault(str(name), KnownKeys(open=not isinstance(section, Mapping) or not section))
            if isinstance(section, Mapping):
                known.add(section)
    return root


def _option_values(folders: list[Path]) -> Iterator[dict[str, Any]]:
    """Yield what each option of each group adds to the configuration."""
    for group in groups(folders):
        for folder in folders:
            for file in options(group, [folder]).values():
                yield _packaged(group, file)


def _packaged(group: str, file: Path) -> dict[str, Any]:
    values = {name: value for name, value in mapping(file).items() if name != "defaults"}
    first = file.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    package = first.removeprefix(PACKAGE).strip() if first.startswith(PACKAGE) else group
    if package == "_global_":
        return values
    return {group: values} if package in (group, "_group_") else {package.partition(".")[0]: {"_target_": ""}}  # any key
