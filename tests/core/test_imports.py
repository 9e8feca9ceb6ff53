"""The package core imports neither torch nor another of our packages, so that everything may build on it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rna_bench.core

FILES = sorted(Path(rna_bench.core.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_module_of_core_imports_nothing_of_ours_outside_core(file):
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    ours = [name for name in names if name.split(".")[0] == "rna_bench"]
    assert [name for name in ours if not name.startswith("rna_bench.core")] == []


def test_importing_core_does_not_import_torch():
    code = "\n".join([*(f"import rna_bench.core.{file.stem}" for file in FILES), "import sys", "print('torch' in sys.modules)"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
