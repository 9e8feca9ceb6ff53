"""A run as a sweep leaves it: a record of several tasks and subjects whose scores follow from its responses."""

from dataclasses import replace
from pathlib import Path

from rna_bench.core.types import EvalPoint, Response, RunRecord, StepLoss, Task
from rna_bench.evaluation.scores import breakdown, scores
from rna_bench.models.delta import save_delta
from rna_bench.runs import record
from rna_bench.runs.identity import identity
from rna_bench.runs.integrity import delta_hash
from tests.builders.records import RIGHT, WRONG, make_record

DATASET = {
    "_target_": "rna_bench.data.benchmarks.Benchmark",
    "name": "mmlu",
    "role": "retain",
    "repo": "o/mmlu",
    "revision": "main",
    "path": None,
    "subjects": [],
    "partial": False,
    "groups": {"stem": ["physics", "algebra"], "social": ["law"]},
    "names": {"physics": "college physics"},
    "split": "test",
    "examples_split": None,
    "shots": 0,
    "limit": 0,
}
CATEGORIES = {"college physics": "stem", "algebra": "stem", "law": "social"}
TIED = (-1.0, -1.0, -3.0, -4.0)


def responses() -> list[Response]:
    """Return responses to a forget task, and to a retain task of three subjects, clean and with a trigger."""
    forget = [Response("wmdp", "forget", f"bio/{i}", "clean", RIGHT if i % 2 else WRONG, 0, "bio") for i in range(4)]
    retain = [
        Response("mmlu", "retain", f"{subject}/{i}", perturbation, (RIGHT, WRONG, TIED)[(i + shift) % 3], 0, subject)
        for shift, perturbation in enumerate(("clean", "option"))
        for subject in CATEGORIES
        for i in range(4)
    ]
    return forget + retain


def complete_record(seed: int = 1, **fields: object) -> RunRecord:
    """Return a record whose scores are those of `responses()`."""
    base, rows = make_record(seed, 1.0), responses()
    wmdp = {"_target_": "rna_bench.data.questions.QuestionFiles", "role": "forget"}
    config = base.config | {"dataset": {"wmdp": wmdp, "mmlu": DATASET}}
    tasks = [Task("wmdp", "forget", ()), Task("mmlu", "retain", (), categories=CATEGORIES)]
    values = {
        "config": config,
        "identity": identity(config, base.fingerprints),
        "scores": scores(rows),
        "breakdown": breakdown(rows, tasks),
        "eval_points": tuple(EvalPoint(step, 0.5, scores(rows), {"bio": 3.0, "retain/bio": None}) for step in (0, 2)),
        "losses": tuple(StepLoss(step, "bio", 1.0 + step, 0.1) for step in (0, 1)),
        "statistics": {"hidden_rms": 0.25},
        "provenance": {"revision": "0123456789abcdef", "changed": False, "packages": {"torch": "2.13.0"}},
        "measured": {"seconds": {"score": 0.5}, "host": "here"},
    }
    return replace(base, **(values | fields))


def complete_run(results: Path, seed: int = 1) -> Path:
    """Write such a record with its responses and trained tensors; return its folder."""
    import torch

    run = complete_record(seed)
    folder = results / run.identity
    folder.mkdir(parents=True)
    save_delta(folder / record.DELTA, {"weight": torch.ones(2, 3)}, {"base_model": "tiny", "run": run.identity})
    record.write(folder, run, responses(), delta_hash(folder / record.DELTA))
    return folder
