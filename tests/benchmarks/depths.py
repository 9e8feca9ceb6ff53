"""A training step, rna_bench beside the naive loop, at full width and few layers, extrapolated to all layers.

A model's layers are alike, so a step's seconds are a + b x layers; two depths give both. Each side runs in a process of its own.
"""

import json
import subprocess
import sys
from statistics import median
from typing import Any

BATCH, TOKENS, STEPS = 2, 128, 4


HEAD = f"| step of {BATCH} x {TOKENS} tokens | layers | naive s | here s | times as fast |\n|:--|--:|--:|--:|--:|"
NAMES = {"rm": "RMU + RNA", "po": "NPO + KL + RNA"}


def compare(model: str, kinds: list[str], depths: list[int], layers: int, threads: int) -> dict[str, Any]:
    """Return the seconds of a step at each depth, by kind of method, and what they come to at `layers`; rows are printed.

    The naive loop holds two models and all gradients, 3 x 5.7 GB at 12 layers; with NPO's logits that did not fit into 24 GB.
    """
    print(HEAD, flush=True)
    results: dict[str, Any] = {}
    for kind in kinds:
        sides = {side: [_seconds(model, kind, side, depth, threads) for depth in depths] for side in ("naive", "ours")}
        whole = {side: _line(depths, seconds, layers) for side, seconds in sides.items()}
        results[kind] = {"depths": depths, **sides, "layers": layers, "extrapolated": whole}
        print("\n".join(rows(kind, results[kind])), flush=True)
    return results


def rows(kind: str, made: dict[str, Any]) -> list[str]:
    """Return the rows of a Markdown table (`HEAD`): one for each depth, and one for what they come to."""
    measured = zip(made["depths"], made["naive"], made["ours"], strict=True)
    whole = (f"{made['layers']}, extrapolated", made["extrapolated"]["naive"], made["extrapolated"]["ours"])
    return [
        f"| {NAMES[kind]} | {layers} | {naive:.1f} | {ours:.1f} | {naive / ours:.1f} |"
        for layers, naive, ours in (*measured, whole)
    ]


def _line(depths: list[int], seconds: list[float], layers: int) -> float:
    """Return the value at `layers` of the line through the first and the last depth."""
    slope = (seconds[-1] - seconds[0]) / (depths[-1] - depths[0])
    return seconds[0] + slope * (layers - depths[0])


def _seconds(model: str, kind: str, side: str, depth: int, threads: int) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.depths", model, kind, side, str(depth), str(threads)]
    return float(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]))


def measure(model: str, kind: str, side: str, depth: int, threads: int) -> float:
    """Return the median seconds of a step, the first left out."""
    import time

    import torch
    from transformers import AutoModelForCausalLM

    from rna_bench.models.policies import policy_of
    from tests.benchmarks import common
    from tests.benchmarks.naive import Naive
    from tests.benchmarks.random_models import pythia, zephyr

    torch.set_num_threads(threads)
    torch.manual_seed(common.SEED)
    config = {"zephyr": zephyr, "pythia": pythia}[model](depth)
    built = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()
    size = common.Size(layers=depth, vocab=config.vocab_size, batch=BATCH, tokens=TOKENS)
    topic = common.topic_of(size)
    if side == "ours":
        watch = common.Stopwatch()
        common.run_ours(policy_of(built, common.TRAINED), topic, common.recipe_of(kind, common.NU[kind], STEPS, size), watch)
        return median(watch.seconds[1:])
    naive, seconds = Naive(kind, built, common.NU[kind]), []
    for step in range(STEPS):
        began = time.perf_counter()
        naive.step(topic, step)
        seconds.append(time.perf_counter() - began)
    return median(seconds[1:])


if __name__ == "__main__":
    words = sys.argv[1:]
    print(json.dumps(measure(*words[:3], int(words[3]), int(words[4]))))
