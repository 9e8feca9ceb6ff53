"""The fields of a class, read from its source: a module that imports torch need not be imported to know its keys."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from rna_bench.core.renames import moved

PACKAGE = Path(__file__).parents[1]


def class_fields(target: str) -> list[str] | None:
    """Return the names of a dataclass's fields, given its import path; None if its source does not say them for sure.

    That is so if the file is not found, if the class inherits from another, or if it is made by other means than a class statement.
    """
    module, _, name = moved(target).rpartition(".")
    return _fields(module, name, 0)


def _fields(module: str, name: str, depth: int) -> list[str] | None:
    tree = _parsed(module)
    if tree is None or depth > 2:  # re-exported again and again
        return None
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return None if node.bases else [*_annotated(node)]
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _fields(node.module, alias.name, depth + 1)
    return None


def _annotated(node: ast.ClassDef) -> Iterator[str]:
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            yield line.target.id


@cache
def _parsed(module: str) -> ast.Module | None:
    """Return the syntax tree of a module, found as Python finds it, or None."""
    path = Path(*module.split(".")) if module else Path()
    for folder in (str(PACKAGE.parent), *sys.path):
        for file in (Path(folder, path).with_suffix(".py"), Path(folder, path, "__init__.py")):
            if module and file.is_file():
                try:
                    return ast.parse(file.read_bytes())
                except (SyntaxError, ValueError):
                    return None
    return None
