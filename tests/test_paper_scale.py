"""The page of `results/paper_scale` says what the measurements beside it say."""

import json
from pathlib import Path

import pytest

from tests.benchmarks import depths, gpu_7b, whole_runs

FOLDER = Path(__file__).parents[1] / "results" / "paper_scale"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")


def read(name):
    return json.loads((FOLDER / name).read_text())


@pytest.mark.parametrize("kind", gpu_7b.NAMES)
def test_steps_on_a_gpu(kind):
    made = read("gpu_7b.json")
    assert gpu_7b.row(kind, made[kind], made["matrix_flops"]) in PAGE
    assert f"{made['matrix_flops'] / 1e12:.0f} TFLOP/s" in PAGE
    assert f"PyTorch {made['torch'].partition('+')[0]}" in PAGE


@pytest.mark.parametrize("file", sorted(file.name for file in FOLDER.glob("*_runs.json")))
def test_whole_runs(file):
    for name, made in read(file)["runs"].items():
        assert whole_runs.line(name, whole_runs.Measured(**made)) in PAGE


@pytest.mark.parametrize("file", sorted(file.name for file in FOLDER.glob("*_cpu_runs.json")))
def test_steps_at_two_depths(file):
    for kind, made in read(file)["steps"].items():
        for row in depths.rows(kind, made):
            assert row in PAGE
