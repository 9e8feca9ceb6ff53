"""Peak memory of two training steps, rna_bench beside the naive loop, each in a process of its own, on the CPU in fp32.

    python -m tests.benchmarks.memory            all four, with ratios
    python -m tests.benchmarks.memory rm naive   one of them: rm or po, naive or ours

Counted is the peak resident set of the process (`ru_maxrss`) above what stands when all is imported, before the model is built.
The process that starts the others imports nothing large: a child inherits its parent's peak. Targets: 0.5 for RMU, 0.6 for
NPO + KL.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path

KINDS, SIDES, STEPS = ("rm", "po"), ("naive", "ours"), 2


def measure(kind: str, side: str) -> dict[str, float]:
    """Train two steps and return, in MB, what stood after the imports, the peak then, and the peak at the end."""
    import torch  # here, so that the parent stays small

    from rna_bench.models.policies import policy_of
    from tests.benchmarks.common import NU, TRAINED, Size, llama, recipe_of, run_ours, topic_of
    from tests.benchmarks.naive import Naive

    torch.set_num_threads(1)
    run_state, before, size = _resident(), _peak(), Size()
    model, topic = llama(size), topic_of(size)
    if side == "ours":
        run_ours(policy_of(model, TRAINED), topic, recipe_of(kind, NU[kind], STEPS, size))
    else:
        naive = Naive(kind, model, NU[kind])
        for step in range(STEPS):
            naive.step(topic, step)
    return {"imported": run_state, "peak_imported": before, "peak": _peak()}


def _peak() -> float:
    """Return the largest resident set so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _resident() -> float:
    """Return the resident set as it is, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def _in_child(kind: str, side: str) -> float:
    """Measure in a process of its own, print what was found and return the MB above what the imports take."""
    command = [sys.executable, "-m", "tests.benchmarks.memory", kind, side]
    made = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    above = made["peak"] - made["imported"]
    figures = (
        f"standing after imports {made['imported']:.0f} MB (peak then {made['peak_imported']:.0f}), peak {made['peak']:.0f} MB"
    )
    print(f"  {kind} {side}: {figures}, above {above:.0f} MB", flush=True)
    return above


def main() -> None:
    """Measure one side as a child, or start all four."""
    if len(sys.argv) == 3:
        print(json.dumps(measure(*sys.argv[1:])))
        return
    for kind in KINDS:
        naive, ours = (_in_child(kind, side) for side in SIDES)
        print(f"{kind} memory: naive {naive:.0f} MB, ours {ours:.0f} MB, ratio {ours / naive:.3f}", flush=True)


if __name__ == "__main__":
    main()
