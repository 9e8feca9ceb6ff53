"""7B on the CPU: whole runs of `rna-bench run` on a randomly initialised Zephyr-7B in bf16, and a step of the naive loop beside it.

    python -m tests.benchmarks.zephyr_cpu [--layers 32] [--model zephyr|pythia] [--folder FOLDER] [--threads 2] [--out FILE.json]

The model (14.5 GB) is written into a temporary folder, or into FOLDER, where it stays. RMU + RNA, Adaptive RMU and NPO + KL + RNA
are each run for a few steps of long texts of the pocket world, then scored. Printed: seconds by phase, peak resident memory
beside doctor's estimate, and the seconds of a naive step at the same width, at 8 and 12 layers, extrapolated to 32.
Targets: RMU's peak at most 1.15 times the weights; doctor within 10%; loaded in 20 s once a fingerprint is kept; a step 5 times
as fast. It takes 24 GB of memory and the whole machine. The weights are random: the accuracies mean nothing, and are not printed.
"""

import json
import os
import platform
import tempfile
import time
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

import torch

from tests.benchmarks import depths, whole_runs
from tests.benchmarks.random_models import pythia, write_model, write_questions, write_texts, zephyr

NAMED = {"zephyr": ("zephyr_7b", zephyr), "pythia": ("deep_ignorance_6_9b", pythia)}
FULL = 32
TOKENS = 128
SMALL = ("train.batch_size=2", f"train.max_tokens={TOKENS}", f"train.retain_max_tokens={TOKENS}")
CASES = {
    "RMU + RNA": ("method=rmu", "noise=rna", "train.steps=4", *SMALL),
    "Adaptive RMU": ("method=adaptive_rmu", "noise=none", "train.steps=4", *SMALL),
    "NPO + KL + RNA": ("method=npo_kl", "noise=rna", "train.steps=2", *SMALL),
}


def arguments_of(options: Namespace, folder: Path, data: Path) -> list[str]:
    """Return what all runs have in common: the model's folder, and text and questions in files."""
    texts, files = write_texts(data)
    name, config = NAMED[options.model]
    if not (folder / "config.json").exists():
        began = time.perf_counter()
        write_model(folder, config(options.layers), texts)
        size = sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 1e9
        print(f"{size:.1f} GB of random weights written in {time.perf_counter() - began:.0f} s", flush=True)
    asked = write_questions(data, options.questions)
    topics = ("bio",) if options.model == "pythia" else ("bio", "cyber")
    forget = ", ".join(f"{topic}: {file}" for topic, file in zip(topics, files, strict=False))
    given = f"model={name}" if options.layers == FULL else f"model=local preset={name}_rmu model.name=shallow"
    return [
        *given.split(),
        f"model.path={folder}",
        "model.dtype=bfloat16",
        "model.device=cpu",
        f"threads={options.threads}",
        "corpus=text",
        f"corpus.forget={{{forget}}}",
        f"corpus.retain={files[2]}",
        "dataset=[forget_files,retain_files]",
        f"dataset.forget_files.path={asked[0]}",
        f"dataset.retain_files.path={asked[1]}",
        "trigger=sars_cov_2",
        "trigger.types=[option]",
        "scoring.batch_tokens=2048",  # about what the prompts have in all, so that doctor does not count more
        "scoring.every=0",
        *(f"++topics.{topic}.{key}={TOKENS}" for topic in topics for key in ("max_tokens", "retain_max_tokens")),
    ]


def runs(options: Namespace, folder: Path, data: Path) -> dict[str, whole_runs.Measured]:
    """Run all cases, print a row for each and return what was measured."""
    common = arguments_of(options, folder, data)
    print(whole_runs.HEAD, flush=True)
    made = {}
    for name in options.cases:
        made[name] = whole_runs.measure(common, CASES[name], data / "runs")
        print(whole_runs.line(name, made[name]), flush=True)
    return made


def main() -> None:
    """Read the options, measure, and write what was measured."""
    parser = ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=NAMED, default="zephyr")
    parser.add_argument("--layers", type=int, default=FULL, help="fewer for a try; then it is no named model")
    parser.add_argument("--folder", type=Path, help="where the model is, or is to be kept")
    parser.add_argument(
        "--questions", type=int, default=4, help="of each side, each asked clean, with the trigger and with its control"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=CASES)
    parser.add_argument(
        "--depths", type=int, nargs="*", default=[8, 12], help="layers at which the naive loop is timed; none, not at all"
    )
    parser.add_argument("--out", type=Path, help="where to write all results as JSON")
    options = parser.parse_args()
    machine = {"torch": torch.__version__, "processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory() as place:
        data = Path(place)
        made = runs(options, options.folder or data / "model", data)
    naive = depths.compare(options.model, ["rm"], options.depths, options.layers, options.threads) if options.depths else {}
    if options.out:
        whole = {"machine": machine, "runs": {name: asdict(run) for name, run in made.items()}, "steps": naive}
        options.out.write_text(json.dumps(whole, indent=1))


if __name__ == "__main__":
    main()
