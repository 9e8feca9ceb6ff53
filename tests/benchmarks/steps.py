"""Seconds of a training step, rna_bench beside the naive loop, step by step in turn in one process, on the CPU in fp32.

    python -m tests.benchmarks.steps [--threads 1] [--timed 5] [--layers 32 --hidden 256 ...]

Compared are RMU and NPO + KL on a randomly initialised Llama of 32 layers: medians over the timed steps, after one that is not
counted, and the losses of every step. Targets: 5 times as fast for RMU, 1.25 times for NPO + KL.
"""

import time
from argparse import ArgumentParser
from copy import deepcopy
from statistics import median

import torch

from rna_bench.models.policies import policy_of
from tests.benchmarks import common
from tests.benchmarks.common import Losses, Size
from tests.benchmarks.naive import Naive


class NaiveSide:
    """The naive loop, one step each time it is called."""

    def __init__(self, naive: Naive, size: Size) -> None:
        self.seconds: list[float] = []
        self.losses: list[Losses] = []
        self._naive, self._topic = naive, common.topic_of(size)

    def __call__(self, step: int) -> None:
        """Train one step."""
        began = time.perf_counter()
        self.losses.append(self._naive.step(self._topic, step))
        self.seconds.append(time.perf_counter() - began)


def compare(kind: str, size: Size, timed: int) -> None:
    """Train both, print medians, ratio and whether the losses agree."""
    model, topic, recipe = common.llama(size), common.topic_of(size), common.recipe_of(kind, common.NU[kind], timed + 1, size)
    naive = NaiveSide(Naive(kind, deepcopy(model), common.NU[kind]), size)
    watch = common.Stopwatch(between=naive)
    losses = common.run_ours(policy_of(model, common.TRAINED), topic, recipe, watch)
    slow, fast = median(naive.seconds[1:]), median(watch.seconds[1:])
    agreement = common.verdict(common.disagreement(losses, naive.losses))
    print(f"{kind} step: naive {slow:.3f} s, ours {fast:.3f} s, ratio {slow / fast:.2f}; {agreement}")
    print(f"  naive {_each(naive.seconds)}\n  ours  {_each(watch.seconds)}", flush=True)


def _each(seconds: list[float]) -> str:
    return f"{' '.join(f'{taken:.3f}' for taken in seconds)} (the first is not counted)"


def main() -> None:
    """Compare both kinds."""
    parser = ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--timed", type=int, default=5, help="steps that are counted")
    parser.add_argument("--kinds", nargs="+", choices=common.KINDS, default=common.KINDS)
    common.add_sizes(parser, Size())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for kind in arguments.kinds:
        compare(kind, common.size_of(arguments), arguments.timed)


if __name__ == "__main__":
    main()
