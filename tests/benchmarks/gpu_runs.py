"""7B on one GPU: whole runs of `rna-bench run` on a randomly initialised Zephyr-7B in bf16, at the sizes of the released code.

    python -m tests.benchmarks.gpu_runs --folder FOLDER --mmlu FOLDER --text FILE [--layers 32] [--sample 500] [--out FILE.json]

The model (14.5 GB) is written into FOLDER, where it stays; MMLU is in CSV files below FOLDER/test. RMU + RNA and NPO + KL + RNA
take the presets of the released code, texts of the pocket world 512 and 768 tokens long, and fewer steps; scoring asks a sample
of MMLU clean and with three triggers and their controls. The tokenizer is trained on FILE, so that prompts have a usual length.
"""

import json
import tempfile
import time
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

import torch

from tests.benchmarks import whole_runs
from tests.benchmarks.random_models import write_model, write_texts, zephyr

CASES = {
    "RMU + RNA": ("method=rmu", "noise=rna", "train.steps=60"),
    "NPO + KL + RNA": ("method=npo_kl", "noise=rna", "train.steps=20"),
}
FULL = 32


def arguments_of(options: Namespace, data: Path) -> list[str]:
    """Return what all runs have in common."""
    texts, files = write_texts(data, 64)
    if not (options.folder / "config.json").exists():
        began = time.perf_counter()
        written = options.text.read_text(encoding="utf-8").splitlines()
        write_model(options.folder, zephyr(options.layers), [*texts, *written], options.device)
        print(f"random weights written in {time.perf_counter() - began:.0f} s", flush=True)
    name = "model=zephyr_7b" if options.layers == FULL else "model=local preset=zephyr_7b_rmu model.name=shallow"
    forget = options.mmlu / "test" / "virology_test.csv"
    return [
        *name.split(),
        f"model.path={options.folder}",
        "model.dtype=bfloat16",
        f"model.device={options.device}",
        "corpus=text",
        f"corpus.forget={{bio: {files[0]}, cyber: {files[1]}}}",
        f"corpus.retain={files[2]}",
        "dataset=[forget_files,retain_files]",
        f"dataset.forget_files.path={forget if forget.exists() else next((options.mmlu / 'test').glob('*.csv'))}",
        f"dataset.retain_files.path={options.mmlu / 'test'}",
        f"dataset.retain_files.sample={options.sample}",
        "trigger=sars_cov_2",
        "scoring.every=0",
        *options.override,
    ]


def main() -> None:
    """Read the options, measure, and write what was measured."""
    parser = ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--mmlu", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=FULL, help="fewer for a try")
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--device", default="cuda", help="cpu for a try with few layers")
    parser.add_argument("--override", nargs="*", default=[], help="further keys of a run, for a try")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    made: dict[str, whole_runs.Measured] = {}
    with tempfile.TemporaryDirectory() as place:
        common = arguments_of(options, Path(place))
        print(whole_runs.HEAD, flush=True)
        for name, own in CASES.items():
            made[name] = whole_runs.measure(common, [*own, *options.override], Path(place) / "runs")
            print(whole_runs.line(name, made[name]), flush=True)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    if options.out:
        runs = {name: asdict(run) for name, run in made.items()}
        options.out.write_text(json.dumps({"device": device, "torch": torch.__version__, "runs": runs}, indent=1))


if __name__ == "__main__":
    main()
