"""Records and responses built by hand, and folders of them."""

from dataclasses import replace

from rna_bench.core.labels import RETRAINED
from rna_bench.core.types import CLEAN, EvalPoint, Response, RunRecord, Score, Status, StepLoss
from rna_bench.reporting.tables.write import write_tables
from rna_bench.runs import record
from rna_bench.runs.identity import identity, relevant

HOSTILE = "</script><img src=x onerror=alert(1)> `](http://e.org) & \u2028 '\""

OPTION = ("option", "option_control")
DEEP = {"_target_": "rna_bench.unlearning.methods.rmu.RMU", "layer": 1, "steering_coefficient": 6.5}


RIGHT, WRONG = (-1.0, -2.0, -3.0, -4.0), (-2.0, -1.0, -3.0, -4.0)
"""Log-probabilities of the four choices, of which the first is the answer."""


def scored(forget=0.25, clean=0.9, perturbations=OPTION, n=100, **accuracies):
    clean_scores = [Score("wmdp", "forget", CLEAN, forget, None, n), Score("mmlu", "retain", CLEAN, clean, None, n)]
    return (
        *clean_scores,
        *(Score("mmlu", "retain", perturbation, accuracies.get(perturbation, clean), None, n) for perturbation in perturbations),
    )


def make_record(
    seed,
    scale=0.0,
    scores=None,
    *,
    eval_points=(),
    method="rmu",
    retain=None,
    model="tiny",
    fingerprint="aa",
    status=Status.finished,
    change=(),
):
    """Return a record. `eval_points` are pairs of forget loss and scores; `change` replaces keys of the config's sections."""
    config = {
        "seed": seed,
        "threads": 1,
        "model": {"_target_": "LocalModel", "path": "/here", "dtype": "float32"},
        "method": DEEP,
        "retain": {"_target_": "HiddenMSE"},
        "noise": {"_target_": "rna_bench.unlearning.noise.RNA", "scale": scale, "unit": "rms", "layer": 1},
        "train": {"_target_": "Train", "steps": 2, "lr": 0.1},
        "corpus": {"_target_": "PocketCorpus", "texts": 20},
        "dataset": {"mmlu": {"role": "retain", "path": "/here/mmlu", "limit": 0}},
        "trigger": {"_target_": "Words", "types": ["option"]},
        "results_dir": "results/runs",
    }
    for section, keys in dict(change).items():
        config[section] = config[section] | keys if isinstance(keys, dict) else keys
    if method == "none":
        config["method"] = {"_target_": None}
    fingerprints = {"model": fingerprint, "questions": "bb"}
    return RunRecord(
        schema_version=record.SCHEMA_VERSION,
        identity=identity(config, fingerprints),
        status=status,
        reason="" if status is Status.finished else "why it did",
        model=model,
        config=relevant(config),
        choices={"method": method} | ({"retain": retain} if retain else {}),
        fingerprints=fingerprints,
        scores=scored() if scores is None else scores,
        eval_points=tuple(EvalPoint(step, loss, own) for step, (loss, own) in enumerate(eval_points)),
        losses=() if method == "none" else (StepLoss(0, "bio", 1.0, 1.0),),
        statistics={},
        provenance={"revision": "0123456789abcdef"},
        measured={},
    )


def gold(seed, hazards="redrawn"):
    """The record of a gold reference of the model that the other records are of."""
    record = make_record(seed, method="none", change={"base": "model", "model": {"hazards": hazards}})
    fingerprints = record.fingerprints | {"model": hazards, "base": record.fingerprints["model"]}
    return replace(record, choices={"method": RETRAINED[hazards]}, fingerprints=fingerprints, identity=f"{seed}{hazards}")


def response(question, perturbation, choice, task="mmlu", correct=0):
    """Return a response that selects the choice (0..3), or one of NaN where it is None."""
    logps = tuple(float("nan") if choice is None else (-1.0 if index == choice else -2.0) for index in range(4))
    return Response(task, "retain", question, perturbation, logps, correct)


def swept(folder, *records):
    """Write the records to a sweep below `folder`, each with one response; return `folder`."""
    for run in records:
        record.write(folder / "swept" / run.identity, run, [Response("mmlu", "retain", "law/1", "clean", RIGHT, 0, "law")])
    return folder


def pairs():
    """Return runs of two seeds, without noise and with it."""
    return [make_record(seed, scale, eval_points=((8, scored()), (2, scored()))) for seed in (1, 2) for scale in (0.0, 1.0)]


def tabled(records, tmp_path):
    """Write the records and their tables; return the tables in Markdown."""
    for run in records:
        record.write(tmp_path / "runs" / run.identity, run, [])
    return write_tables(tmp_path / "runs", tmp_path / "out")
