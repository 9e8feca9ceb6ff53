"""Adam's second moment in bf16: it never decays, and what is added to it rounds away.

    python -m tests.benchmarks.bf16_moments [--weights 20000] [--seed 0]

The released code's AdamW with beta2 = 0.999, moments in the dtype of the weights. v * 0.999 rounds back to v in bf16 for every v,
and 0.001 * g^2 is lost where it is less than half of what lies between v and its neighbour (from v / 512 to v / 256).
Gradients are normal, the same in both dtypes, and a hundred times smaller from half of the steps on; without gradient the
moment would halve every 693 steps.
"""

from argparse import ArgumentParser

import torch
from torch import nn

from tests.benchmarks.common import OPTIMIZER

SHOWN = (1, 10, 100, 250, 500, 1000, 1500, 2000)


def main() -> None:
    """Print, for some steps, the mean second moment and the median step in bf16 beside fp32."""
    parser = ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weights", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    source = torch.Generator().manual_seed(arguments.seed)
    dtypes = {"bf16": torch.bfloat16, "fp32": torch.float32}
    weights = {name: nn.Parameter(torch.zeros(arguments.weights, dtype=dtype)) for name, dtype in dtypes.items()}
    optimizers = {name: OPTIMIZER.make([weight], 5e-5) for name, weight in weights.items()}
    print(f"torch {torch.__version__}\n\n| step | mean v, bf16 / fp32 | second moment, unbiased, bf16 | fp32 |\n|--:|--:|--:|--:|")
    for step in range(1, SHOWN[-1] + 1):
        gradient = torch.randn(arguments.weights, generator=source).bfloat16() * (1 if step <= SHOWN[-1] // 2 else 0.01)
        for name, weight in weights.items():
            weight.grad = gradient.to(weight.dtype)
            optimizers[name].step()
        if step in SHOWN:
            bf16, fp32 = (optimizers[name].state[weight]["v"].double().mean().item() for name, weight in weights.items())
            correction = 1 - 0.999**step
            print(f"| {step} | {bf16 / fp32:.3f} | {bf16 / correction:.3f} | {fp32 / correction:.3f} |", flush=True)


if __name__ == "__main__":
    main()
