"""What of a training survives bf16 weights: steps that round away by magnitude of weight, and where the training ends.

    python -m tests.benchmarks.bf16 [--threads 1] [--steps 100] [--layers 8 --hidden 256 ...] [--csv FILE]

RMU (lr 5e-5) and NPO + KL (lr 2e-5), with the released code's AdamW, on a randomly initialised Llama (standard deviation 0.02)
whose weights are those of bf16, trained by the package's own loop three times: in bf16, in bf16 with fp32 master weights, in fp32.
A bf16 number in [2^k, 2^(k+1)) has its neighbours 2^(k-7) away, so a step below 2^(k-8) rounds away. Adam's steps are at most
about lr: of lr 5e-5 all do from 2^-6 up. Counted are the weights that a step leaves as they are though they have a gradient;
predicted are those whose step, computed in fp32 from Adam's moments, is less than half the distance.
"""

import csv
import math
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rna_bench.models.policies import policy_of
from rna_bench.unlearning.optimizers import AdamW, Optimizer
from tests.benchmarks import common
from tests.benchmarks.common import Losses, Size

LOWEST, HIGHEST = -11, -4
"""Binades that are shown: the lowest has all that is smaller, the highest all that is larger."""
STD = 0.02
NAMES = {"rm": "RMU", "po": "NPO + KL"}
COLUMNS = ("method", "lr", "from", "to", "distance", "weights", "normal", "step_1", "predicted_1", "steps", "predicted")
TABLE = ("weights from", "distance", "weights", "if normal", "step 1", "predicted", "all steps", "predicted")
ENDINGS = ("weights", "moved at all", "length", "cosine", "mean second moment", "forget loss", "retain loss")


@dataclass(frozen=True)
class Recording:
    """An optimiser that keeps what it makes, for a look at its state."""

    inner: AdamW
    made: list[torch.optim.Optimizer] = field(default_factory=list)

    def make(self, parameters: Any, lr: float) -> torch.optim.Optimizer:
        """Return the optimiser of the parameters."""
        self.made.append(self.inner.make(parameters, lr))
        return self.made[-1]


class Counts(NamedTuple):
    """By binade, over steps: weights with a gradient, those left as they are, those predicted to be, and both (0-dim) alike."""

    weights: Tensor
    unchanged: Tensor
    predicted: Tensor
    alike: Tensor


class Watch:
    """Counts, after each step, the weights that it left as they are."""

    def __init__(self, trained: Sequence[Tensor], recording: Recording, lr: float) -> None:
        self.counts: list[Counts] = []
        self.sizes: list[Tensor] = []
        self._trained, self._recording, self._lr = trained, recording, lr
        self._before = flat(trained)

    def __call__(self, step: int) -> None:
        """Look after `step` updates; 0 is before the first."""
        if step:
            optimizer = self._recording.made[0]
            states = [optimizer.state[parameter] for parameter in optimizer.param_groups[0]["params"]]
            size = torch.cat([update(own, self._recording.inner, self._lr).flatten() for own in states]).abs()
            after = flat(self._trained)
            self.counts.append(count(self._before, after, size))
            self.sizes.append(size.median())
            self._before = after


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """Return all elements in fp32, detached."""
    return torch.cat([tensor.detach().float().flatten() for tensor in tensors])


def update(state: dict[str, Any], made: AdamW, lr: float) -> Tensor:
    """Return the step that the released code's AdamW takes with this state, in fp32."""
    (b1, b2), t = made.betas, state["step"]
    return lr * math.sqrt(1 - b2**t) / (1 - b1**t) * state["m"].float() / (state["v"].float().sqrt() + made.eps)


def binades(weights: Tensor) -> Tensor:
    """Return k of each weight in [2^k, 2^(k+1))."""
    return torch.frexp(weights).exponent.sub(1)


def count(before: Tensor, after: Tensor, size: Tensor) -> Counts:
    """Count the weights by binade of what they were; `size` are the steps computed in fp32."""
    exponents = binades(before)
    bins = exponents.clamp(LOWEST, HIGHEST) - LOWEST
    unchanged, predicted, moved = before == after, size < torch.exp2(exponents.float() - 8), size > 0

    def by_binade(which: Tensor) -> Tensor:
        return torch.bincount(bins[which], minlength=HIGHEST - LOWEST + 1).double()

    alike = ((unchanged == predicted) & moved).sum().double()
    return Counts(by_binade(moved), by_binade(unchanged & moved), by_binade(predicted & moved), alike)


def total(counts: Sequence[Counts]) -> Counts:
    """Return the sums over steps."""
    return Counts(*(torch.stack(values).sum(0) for values in zip(*counts, strict=True)))


def normal_share(k: int) -> float:
    """Return how many of normal weights of standard deviation `STD` are in a binade as it is shown."""
    low = 0.0 if k == LOWEST else 2.0**k / STD
    high = math.inf if k == HIGHEST else 2.0 ** (k + 1) / STD
    return 2 * (NormalDist().cdf(high) - NormalDist().cdf(low))


class Ending(NamedTuple):
    """How far a training moved the weights, as the model has them, and its losses."""

    moved: Tensor
    losses: list[Losses]
    second_moment: float


def train(kind: str, size: Size, steps: int, dtype: torch.dtype, optimizer: Optimizer, watch: Any = None) -> Ending:
    """Train the model from the weights that bf16 has of it."""
    recipe = replace(common.recipe_of(kind, common.NU[kind], steps, size), optimizer=optimizer)
    policy = policy_of(common.llama(size).bfloat16().to(dtype), common.TRAINED)
    start = flat(list(policy.trained.values()))
    look = watch(list(policy.trained.values())) if watch else lambda step: None
    losses = common.run_ours(policy, common.topic_of(size), recipe, look)
    return Ending(flat(list(policy.trained.values())) - start, losses, 0.0)


def second_moment(recording: Recording) -> float:
    """Return the mean of Adam's second moment."""
    states = recording.made[0].state_dict()["state"].values()
    return flat([own["v"] for own in states]).double().mean().item()


def rows(kind: str, counts: Sequence[Counts]) -> list[dict[str, Any]]:
    """Return a row a binade: shares of its weights that the first step, and all steps, leave as they are."""
    first, every = counts[0], total(counts)
    shares = first.weights / first.weights.sum()
    return [
        {
            "method": NAMES[kind],
            "lr": common.RATE[kind],
            "from": f"2^{k}" if k > LOWEST else "0",
            "to": f"2^{k + 1}" if k < HIGHEST else "inf",
            "distance": 2.0 ** (k - 7),
            "weights": shares[place].item(),
            "normal": normal_share(k),
            "step_1": (first.unchanged / first.weights)[place].item(),
            "predicted_1": (first.predicted / first.weights)[place].item(),
            "steps": (every.unchanged / every.weights)[place].item(),
            "predicted": (every.predicted / every.weights)[place].item(),
        }
        for place, k in enumerate(range(LOWEST, HIGHEST + 1))
    ]


def shown(row: dict[str, Any]) -> str:
    """Return a row as the table has it."""
    shares = (f"{float(row[key]):.1%}" for key in COLUMNS[5:])
    return f"| {row['from']} to {row['to']} | {float(row['distance']):.1e} | {' | '.join(shares)} |"


def print_steps(kind: str, table: Sequence[dict[str, Any]], counts: Sequence[Counts], sizes: Sequence[Tensor]) -> None:
    """Print the shares by binade, and over all."""
    print(f"\n{NAMES[kind]}, lr {common.RATE[kind]:g}: share of weights that a step leaves as they are, {len(counts)} steps\n")
    print(f"| {' | '.join(TABLE)} |\n|{':--|' + '--:|' * (len(TABLE) - 1)}")
    print("\n".join(map(shown, table)))
    first, every = counts[0], total(counts)
    shares = (f"{(part[key].sum() / part.weights.sum()).item():.1%}" for part in (first, every) for key in (1, 2))
    print(f"| all | | 100.0% | 100.0% | {' | '.join(shares)} |\n")
    agreed = (every.alike / every.weights.sum()).item()
    print(f"prediction and count agree for {agreed:.2%} of weights and steps; median step / lr: ", end="")
    print(", ".join(f"{sizes[at - 1].item() / common.RATE[kind]:.2f} (step {at})" for at in milestones(len(sizes))))


def milestones(steps: int) -> list[int]:
    """Return the steps that are reported."""
    return sorted({1, min(10, steps), min(100, steps), steps})


def print_endings(kind: str, endings: dict[str, Ending]) -> None:
    """Print how far each training went, beside fp32's."""
    exact = endings["float32"]
    print(f"\n{NAMES[kind]}: the move, beside float32's\n")
    print(f"| {' | '.join(ENDINGS)} |\n|:--{'|--:' * (len(ENDINGS) - 1)}|")
    for name, ending in endings.items():
        forget, retain = ending.losses[-1]
        length = (ending.moved.norm() / exact.moved.norm()).item()
        cosine = torch.cosine_similarity(ending.moved, exact.moved, dim=0).item()
        moved, moment = (ending.moved != 0).double().mean().item(), ending.second_moment / exact.second_moment
        print(f"| {name} | {moved:.1%} | {length:.3f} | {cosine:.3f} | {moment:.3f} | {forget:.6g} | {retain:.3g} |")
    forget, retain = exact.losses[0]
    print(f"| before | | | | | {forget:.6g} | {retain:.3g} |")


def measure(kind: str, size: Size, steps: int) -> list[dict[str, Any]]:
    """Train three times, print the tables and return the rows by binade."""
    plain, masters = common.OPTIMIZER, replace(common.OPTIMIZER, master_weights=True)
    watches: list[Watch] = []
    endings = {}
    for name, dtype, made in (
        ("bfloat16", torch.bfloat16, plain),
        ("bfloat16 + masters", torch.bfloat16, masters),
        ("float32", torch.float32, plain),
    ):
        recording = Recording(made)

        def watch(trained: Sequence[Tensor], own: Recording = recording) -> Watch:
            watches.append(Watch(trained, own, common.RATE[kind]))
            return watches[-1]

        ending = train(kind, size, steps, dtype, recording, None if watches else watch)
        endings[name] = ending._replace(second_moment=second_moment(recording))
    table = rows(kind, watches[0].counts)
    print_steps(kind, table, watches[0].counts, watches[0].sizes)
    print_endings(kind, endings)
    return table


def main() -> None:
    """Measure both methods."""
    parser = ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--csv", type=Path, help="write the shares by binade")
    common.add_sizes(parser, Size(layers=8, vocab=1000, tokens=64))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {arguments.threads} thread, {common.size_of(arguments)}")
    table = [row for kind in common.KINDS for row in measure(kind, common.size_of(arguments), arguments.steps)]
    if arguments.csv:
        with arguments.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(table)


if __name__ == "__main__":
    main()
