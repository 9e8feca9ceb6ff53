"""Seconds of a sweep of eleven noise scales of RMU, rna_bench beside the naive loop, run by run in turn, on the CPU in fp32.

    python -m tests.benchmarks.sweep [--threads 1] [--steps 3] [--layers 32 --hidden 256 ...]

Our runs share a store of 2 GB and one model, tried and restored in each as `rna_bench.experiment.run` does it; a naive run copies
its reference model and restores the policy. All that counts; building the model does not. Target: 10 times as fast.
"""

import time
from argparse import ArgumentParser
from copy import deepcopy

import torch
from transformers import PreTrainedModel

from rna_bench.experiment.shared import restore
from rna_bench.models.policies import policy_of
from rna_bench.models.store import Reuse, Store
from tests.benchmarks.common import (
    TRAINED,
    Losses,
    Size,
    add_sizes,
    disagreement,
    llama,
    recipe_of,
    run_ours,
    size_of,
    topic_of,
    verdict,
)
from tests.benchmarks.naive import Naive

SCALES = [number / 100 for number in range(11)]


def run_naive(model: PreTrainedModel, nu: float, steps: int, size: Size) -> tuple[float, list[Losses]]:
    """Train, restore the model, and return the seconds and the losses."""
    began, topic = time.perf_counter(), topic_of(size)
    naive = Naive("rm", model, nu)
    losses = [naive.step(topic, step) for step in range(steps)]
    naive.restore()
    return time.perf_counter() - began, losses


def run_shared(model: PreTrainedModel, nu: float, steps: int, size: Size, store: Store) -> tuple[float, list[Losses]]:
    """Train with what the runs share, restore the model, and return the seconds and the losses."""
    began = time.perf_counter()
    policy = policy_of(model, TRAINED)
    losses = run_ours(policy, topic_of(size), recipe_of("rm", nu, steps, size), store=store)
    restore(policy)
    return time.perf_counter() - began, losses


def main() -> None:
    """Sweep both, and print totals, ratio and whether the losses agree."""
    parser = ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3)
    add_sizes(parser, Size())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    sweep(size_of(arguments), arguments.steps)


def sweep(size: Size, steps: int) -> None:
    """Run all scales on both sides in turn."""
    model, store = llama(size), Store(Reuse(2000, 0, None))
    copy, slow, fast, difference = deepcopy(model), 0.0, 0.0, 0.0
    for nu in SCALES:
        naive_seconds, naive_losses = run_naive(copy, nu, steps, size)
        seconds, losses = run_shared(model, nu, steps, size, store)
        slow, fast, difference = slow + naive_seconds, fast + seconds, max(difference, disagreement(losses, naive_losses))
        print(f"  nu {nu:.2f}: naive {naive_seconds:.2f} s, ours {seconds:.2f} s", flush=True)
    print(f"sweep: naive {slow:.1f} s, ours {fast:.1f} s, ratio {slow / fast:.2f}; {verdict(difference)}; {store.hits} hits")


if __name__ == "__main__":
    main()
