from dataclasses import fields
from importlib import import_module

import pytest

from rna_bench.core.class_source import class_fields
from rna_bench.core.conf_files import config_folder, yaml_of


def targets(value: object) -> set[str]:
    if isinstance(value, dict):
        own = {value["_target_"]} if isinstance(value.get("_target_"), str) else set()
        return own.union(*map(targets, value.values()))
    return set().union(*map(targets, value)) if isinstance(value, list) else set()


TARGETS = sorted(set().union(*(targets(yaml_of(file)) for file in config_folder("conf").rglob("*.yaml"))))


@pytest.mark.parametrize("target", TARGETS)
def test_the_source_of_each_class_in_conf_has_the_fields_that_the_class_has(target):
    module, _, name = target.rpartition(".")
    assert class_fields(target) == [one.name for one in fields(getattr(import_module(module), name))]


OWN = """\
from dataclasses import dataclass, make_dataclass
from elsewhere import Moved

@dataclass
class Plain:
    a: int
    b: float = 1.0
    c = 3

class Heir(Plain):
    d: int

Made = make_dataclass("Made", ["x"])
"""


def test_a_class_of_ones_own_is_read_where_python_would_find_it(tmp_path, monkeypatch):
    (tmp_path / "own_source.py").write_text(OWN)
    (tmp_path / "elsewhere.py").write_text("class Moved:\n    e: int\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert class_fields("own_source.Plain") == ["a", "b"]
    assert class_fields("own_source.Moved") == ["e"]


@pytest.mark.parametrize(
    "name", ["own_other.Heir", "own_other.Made", "own_other.Absent", "nowhere.Class", "Class", "own_broken.Plain"]
)
def test_what_a_source_does_not_say_for_sure_is_not_known(tmp_path, monkeypatch, name):
    (tmp_path / "own_other.py").write_text(OWN)
    (tmp_path / "own_broken.py").write_text("class Plain(:")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert class_fields(name) is None
