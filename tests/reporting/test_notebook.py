"""The notebook: its cells run, and what it shows is what they give.

By default the cells are run as one Python file; as Jupyter runs them, by nbclient with a kernel, is slow and by hand:
`pip install -e '.[notebook]'`, `pytest -m slow tests/reporting/test_notebook.py`.
"""

import json
import runpy
from pathlib import Path

import pandas
import pytest

RESULTS = Path(__file__).parents[2] / "results"
NOTEBOOK = RESULTS / "explore.ipynb"


def code_cells():
    return [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]


def kinds(cell):
    return {kind for output in cell["outputs"] for kind in output.get("data", {})}


def texts(cell):
    """Return what a cell printed or returned as text; of a figure, whose text names its size, nothing."""
    printed = ["".join(output.get("text", "")) for output in cell["outputs"]]
    returned = [output["data"] for output in cell["outputs"] if "data" in output]
    return printed + ["".join(data["text/plain"]) for data in returned if "image/png" not in data]


def test_the_notebook_was_executed_in_order_and_shows_plots():
    cells = code_cells()
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert sum("image/png" in kinds(cell) for cell in cells) >= 2
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"stream", "execute_result", "display_data"}
    assert {output.get("name", "stdout") for output in outputs} == {"stdout"}


def test_its_cells_give_the_published_drop(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    (tmp_path / "cells.py").write_text("\n\n".join("".join(cell["source"]) for cell in code_cells()))
    monkeypatch.chdir(RESULTS)  # as Jupyter does
    variables = runpy.run_path(str(tmp_path / "cells.py"))
    committed = pandas.read_csv(RESULTS / "tables" / "pocket_methods" / "drop.csv")
    (row,) = committed[(committed.method == "rmu") & (committed.noise == "0")].to_dict("records")
    assert variables["drop"].loc["rmu", "before"] == pytest.approx(row["before"], abs=0.05)


@pytest.mark.slow
def test_executed_again_it_shows_the_same():
    nbformat = pytest.importorskip("nbformat", reason="needs nbclient and a kernel: pip install 'rna_bench[notebook]'")
    client = pytest.importorskip("nbclient", reason="needs nbclient and a kernel: pip install 'rna_bench[notebook]'")
    again = nbformat.read(NOTEBOOK, as_version=4)
    client.NotebookClient(again, timeout=300, resources={"metadata": {"path": str(RESULTS)}}).execute()
    executed = [cell for cell in again.cells if cell.cell_type == "code"]
    for cell, other in zip(code_cells(), executed, strict=True):
        assert (cell["id"], kinds(cell), texts(cell)) == (other.id, kinds(other), texts(other))
