"""A training step of the paper's model size on one GPU: seconds, tokens and operations a second, peak memory; RMU and NPO + KL.

    python -m tests.benchmarks.gpu_7b [--out FILE.json]
    python -m tests.benchmarks.gpu_7b --device cpu --layers 8 --hidden 64 --mlp 128 --heads 4 --kv-heads 2 --vocab 500 \\
        --tokens 32 --matrix 256   (a dry run of the script; its numbers mean nothing)

The model is Zephyr-7B's architecture with random weights, made on the GPU in bf16; a batch is 4 x 512 tokens. Operations are
those of the layers really run, against what the chip does in a square bf16 product. Beside it stands the naive loop, where it
fits. Targets: 24 GB for RMU, 40 GB for NPO + KL (GB are 10^9 bytes). Without CUDA it says so and ends.
"""

import gc
import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from transformers import AutoModelForCausalLM, MistralConfig, PreTrainedModel

from rna_bench.experiment.shared import restore
from rna_bench.models.policies import policy_of
from tests.benchmarks import common
from tests.benchmarks.common import FIRST, LAYER, NU, Size
from tests.benchmarks.naive import Naive

ZEPHYR = Size(layers=32, hidden=4096, mlp=14336, heads=32, kv_heads=8, vocab=32000, batch=4, tokens=512)


def zephyr(size: Size, device: str) -> PreTrainedModel:
    """Return a randomly initialised Mistral in bf16, made where it shall stay; no other copy of it is made on the way."""
    torch.manual_seed(common.SEED)
    config = MistralConfig(**size.fields_of_config(), sliding_window=4096, tie_word_embeddings=False)
    with torch.device(device):
        return AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).eval()


def operations(kind: str, size: Size) -> float:
    """Return the floating-point operations of a step of ours, forget and retain batch together.

    A layer's gradient with respect to its input costs its products once more, and its attention twice. Layers above the first
    trained one give it; in the first it begins at the trained product. The reference runs on retain inputs, and for NPO on
    forget inputs too, from the first trained layer on, as the policy does.
    """
    top = LAYER + 1 if kind == "rm" else size.layers
    own, passes = top - FIRST, 3 if kind == "rm" else 4
    forward, scores = _layer(size)
    run = (2 * FIRST + passes * own) * (forward + scores)
    back = 2 * (own - 1) * (forward + 2 * scores) + 2 * (LAYER - FIRST + 1) * _product(size, size.hidden, size.mlp)
    heads = 0 if kind == "rm" else 6 * _product(size, size.hidden, size.vocab)  # four forward, two back
    return run + back + heads


def _layer(size: Size) -> tuple[float, float]:
    """Return the operations of one layer forward: those of its weights, and those of causal attention scores and values."""
    keys = size.hidden * size.kv_heads // size.heads
    shapes = [size.hidden] * 2 + [keys] * 2 + [size.mlp] * 3
    return sum(_product(size, size.hidden, width) for width in shapes), 2.0 * size.batch * size.tokens**2 * size.hidden


def _product(size: Size, rows: int, columns: int) -> float:
    return 2.0 * size.batch * size.tokens * rows * columns


def matrix_rate(width: int, device: str, seconds: float = 2.0) -> float:
    """Return the operations a second of square bf16 products, one after another for two seconds: what the chip sustains."""
    a, b = (torch.randn(width, width, device=device, dtype=torch.bfloat16) for _ in range(2))
    began, done = common.now(device), 0
    while common.now(device) - began < seconds:
        for _ in range(20):
            a @ b
        done += 20
    return 2 * width**3 * done / (common.now(device) - began)


def ours(kind: str, model: PreTrainedModel, size: Size, arguments: Namespace) -> dict[str, Any]:
    """Train through the real loop, put the model back and return what was measured."""
    _start_count(arguments.device)
    policy, watch = policy_of(model, common.TRAINED), common.Stopwatch(device=arguments.device)
    topic, steps = common.topic_of(size, arguments.device), arguments.warm_up + arguments.timed
    recipe = common.recipe_of(kind, NU[kind], steps, size)
    losses = common.run_ours(policy, topic, recipe, watch)
    made = _figures(watch.seconds[arguments.warm_up :], size, arguments.device)
    restore(policy)
    done = operations(kind, size)
    return made | {"operations": done, "flops": done / made["seconds"], "losses": losses, "uncut": policy.unsplittable}


def naive(kind: str, model: PreTrainedModel, size: Size, arguments: Namespace) -> dict[str, Any]:
    """Train with the naive loop, put the model back and return what was measured, or that it did not fit."""
    _start_count(arguments.device)
    try:
        return _naive(kind, model, size, arguments)
    except torch.cuda.OutOfMemoryError:
        return {"out_of_memory": True, "peak_gb": _peak(arguments.device)}
    finally:
        model.zero_grad()
        model.requires_grad_(False)


def _naive(kind: str, model: PreTrainedModel, size: Size, arguments: Namespace) -> dict[str, Any]:
    side, topic = Naive(kind, model, NU[kind]), common.topic_of(size, arguments.device)
    seconds, losses = [], []
    for step in range(arguments.warm_up + arguments.timed):
        began = common.now(arguments.device)
        losses.append(side.step(topic, step))
        seconds.append(common.now(arguments.device) - began)
    side.restore()
    return _figures(seconds[arguments.warm_up :], size, arguments.device) | {"losses": losses}


def _figures(seconds: list[float], size: Size, device: str) -> dict[str, Any]:
    middle, tokens = median(seconds), 2 * size.batch * size.tokens
    return {"seconds": middle, "all_seconds": seconds, "tokens_per_second": tokens / middle, "peak_gb": _peak(device)}


def _start_count(device: str) -> None:
    gc.collect()
    if device != "cpu":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _peak(device: str) -> float:
    """Return the peak of allocated memory in GB, the model included; 0 on the CPU, where it is not counted."""
    return 0.0 if device == "cpu" else torch.cuda.max_memory_allocated() / 1e9


HEAD = (
    "| step of 4 x 512 tokens | s | tokens/s | TFLOP/s | of the matrix rate | peak GB "
    "| naive s | naive peak GB | times as fast | losses apart |\n"
    "|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)
NAMES = {"rm": "RMU + RNA", "po": "NPO + KL + RNA"}


def row(kind: str, made: dict[str, Any], rate: float) -> str:
    """Return one row of a Markdown table (`HEAD`); a naive loop that did not fit has its peak alone."""
    us, them = made["ours"], made["naive"]
    speed = f"{us['seconds']:.3f} | {us['tokens_per_second']:,.0f} | {us['flops'] / 1e12:.0f} | {us['flops'] / rate:.0%}"
    own = f"{speed} | {us['peak_gb']:.1f}"
    if "out_of_memory" in them:
        return f"| {NAMES[kind]} | {own} | out of memory | {them['peak_gb']:.1f} | | |"
    apart = common.disagreement(us["losses"], them["losses"])
    naive = f"{them['seconds']:.3f} | {them['peak_gb']:.1f} | {them['seconds'] / us['seconds']:.1f} | {apart:.1e}"
    return f"| {NAMES[kind]} | {own} | {naive} |"


def measure(arguments: Namespace) -> dict[str, Any]:
    """Measure both kinds on both sides, print and return the results."""
    size, device = common.size_of(arguments), arguments.device
    results: dict[str, Any] = {"torch": torch.__version__, "size": vars(size), "device": _name(device)}
    rate = results["matrix_flops"] = matrix_rate(arguments.matrix, device)
    print(f"{results['device']}: {rate / 1e12:.3g} TFLOP/s in a bf16 product of {arguments.matrix}")
    model = zephyr(size, device)
    print(HEAD)
    for kind in common.KINDS:
        results[kind] = {"ours": ours(kind, model, size, arguments), "naive": naive(kind, model, size, arguments)}
        print(row(kind, results[kind], rate), flush=True)
        if results[kind]["ours"]["uncut"]:
            print(f"the model is run whole, which is slower: {results[kind]['ours']['uncut']}")
    return results


def _name(device: str) -> str:
    return "cpu" if device == "cpu" else torch.cuda.get_device_name()


def main() -> None:
    """Read the options and measure, if there is a device to measure on."""
    parser = ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="cpu for a dry run with small sizes")
    parser.add_argument("--warm-up", type=int, default=2, help="steps that are not counted")
    parser.add_argument("--timed", type=int, default=8, help="steps that are counted")
    parser.add_argument("--matrix", type=int, default=8192, help="width of the product that the chip is measured by")
    parser.add_argument("--out", type=Path, help="where to write all results as JSON")
    common.add_sizes(parser, ZEPHYR)
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print("gpu_7b: no CUDA device here, nothing is measured (a dry run: --device cpu with small sizes)")
        return
    results = measure(arguments)
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
