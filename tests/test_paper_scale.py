"""The page of `results/paper_scale` says what the measurements beside it say."""

import json
import subprocess
import sys
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


@pytest.mark.slow
def test_a_quarter_of_the_depth_on_this_machine(tmp_path):
    """Zephyr-7B's width and eight layers, 4 GB of random weights, through the command line; two to three minutes."""
    made = tmp_path / "made.json"
    command = [sys.executable, "-m", "tests.benchmarks.zephyr_cpu", "--layers", "8", "--depths", "--out", str(made)]
    subprocess.run([*command, "--cases", "RMU + RNA"], check=True, cwd=FOLDER.parents[1])
    run = json.loads(made.read_text())["runs"]["RMU + RNA"]
    assert run["status"] == "finished"
    assert run["steps"] == 4
    assert abs(run["estimate_gb"] / run["peak_gb"] - 1) < 0.1
