"""Runs of `rna-bench run` itself, each in a process of its own: seconds, memory, the record, and what doctor said before."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

COMMAND = (sys.executable, "-c", "from rna_bench.cli.main import main; main()")


@dataclass(frozen=True)
class Measured:
    """A run: its own arguments, seconds in all and by phase, steps, prompts, and peaks in GB.

    `estimate_gb` is the peak as doctor estimates it.
    """

    arguments: tuple[str, ...]
    wall: float
    seconds: dict[str, float]
    steps: int
    prompts: int
    status: str
    weights_gb: float
    estimate_gb: float
    peak_gb: float
    peak_gpu_gb: float | None

    @property
    def seconds_per_step(self) -> float:
        return self.seconds["unlearn"] / self.steps if self.steps else 0.0


def measure(common: Sequence[str], own: Sequence[str], results: Path) -> Measured:
    """Run with what all runs have in common and this one's own arguments, which are kept, and return what was measured."""
    given = [*common, *own, f"results_dir={results}", "tracker=none"]
    before = {path.parent for path in results.glob("*/record.json")}
    began = time.perf_counter()
    process = subprocess.Popen([*COMMAND, "run", *given])
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if status:
        raise SystemExit(f"the run failed: rna-bench run {' '.join(given)}")
    (folder,) = {path.parent for path in results.glob("*/record.json")} - before
    record = json.loads((folder / "record.json").read_text())
    weights, estimate = estimated(given)
    taken = record["measured"]
    gpu = taken["peak_gpu_memory_mb"]
    return Measured(
        arguments=tuple(own),
        wall=wall,
        seconds=taken["seconds"],
        steps=len(record["losses"]),
        prompts=sum(score["n"] for score in record["scores"]),
        status=record["status"],
        weights_gb=weights,
        estimate_gb=estimate,
        peak_gb=usage.ru_maxrss * 1024 / 1e9,
        peak_gpu_gb=gpu * 2**20 / 1e9 if gpu else None,
    )


def estimated(arguments: Sequence[str]) -> tuple[float, float]:
    """Return the GB of the weights, and of the peak as doctor estimates it."""
    from rna_bench.doctor.needs import needs_of
    from rna_bench.experiment.compose import compose_run
    from rna_bench.experiment.config import experiment_config

    plan = experiment_config(*compose_run(list(arguments)))
    assert plan.model.dimensions is not None
    needs = needs_of(plan, plan.model.dimensions, plan.model.dtype)
    return needs.weights / 1e9, max(needs.training_peak if plan.recipe else 0, needs.scoring_peak) / 1e9


def line(name: str, made: Measured) -> str:
    """Return one row of a Markdown table (`HEAD`)."""
    peak = made.peak_gb if made.peak_gpu_gb is None else made.peak_gpu_gb
    steps = f"{made.steps} x {made.seconds_per_step:.2f}"
    return (
        f"| {name} | {made.wall:.0f} | {made.seconds['prepare']:.0f} | {steps} | {made.prompts} in {made.seconds['score']:.0f} | "
        f"{peak:.2f} | {made.estimate_gb:.2f} ({made.estimate_gb / peak - 1:+.0%}) | {peak / made.weights_gb:.3f} |"
    )


HEAD = (
    "| run | s in all | s to load | steps x s | prompts in s | peak GB | doctor's | peak by weights |\n"
    "|:--|--:|--:|--:|--:|--:|--:|--:|"
)
