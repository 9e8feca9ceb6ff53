"""No two classes, and no two public functions, of one name in two packages."""

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "rna_bench"
SHARED = {
    "load_results": "the package offers the function of reporting under its own name",
    **dict.fromkeys(("report", "dashboard", "status", "clean"), "the command line has a function for each command"),
}
"""Names that two packages may both use, and why."""


def definitions(folder):
    """Yield the package and the name of each class, and of each public function of a module."""
    for path in sorted(folder.rglob("*.py")):
        package = path.relative_to(folder).parts[0]
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
            if function or isinstance(node, ast.ClassDef):
                yield package, node.name


def shared_names(folder):
    """Return the names that several packages define, each with those packages."""
    packages = defaultdict(set)
    for package, name in definitions(folder):
        packages[name].add(package)
    return {name: sorted(where) for name, where in packages.items() if len(where) > 1}


def test_no_name_is_defined_in_two_packages():
    assert {name: where for name, where in shared_names(PACKAGE).items() if name not in SHARED} == {}


def test_a_name_in_two_packages_is_found_and_a_private_one_is_not(tmp_path):
    for package, code in {
        "a": "class One: ...\ndef two(): ...",
        "b": "class One: ...\ndef _two(): ...",
        "c": "def two(): ...",
    }.items():
        (tmp_path / package).mkdir()
        (tmp_path / package / "module.py").write_text(code)
    assert shared_names(tmp_path) == {"One": ["a", "b"], "two": ["a", "c"]}
