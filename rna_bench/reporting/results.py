"""Records -> one tidy data frame, for notebooks."""

import warnings
from collections.abc import Iterator

import pandas

from rna_bench.reporting.statistics.calibration import answers_of, calibration_error
from rna_bench.reporting.statistics.frame import flat_config
from rna_bench.reporting.statistics.models import model_key, model_labels
from rna_bench.reporting.statistics.scores import final_forget_loss
from rna_bench.runs.collection import Recorded, collect, find
from rna_bench.runs.labels import method_of_run, noise_of_run

GENERATED = {"perplexity": "generated_perplexity", "repetition": "repetition", "agreement": "agreement"}
"""Measures of a run's continuations, and what begins the names of their columns."""


def results_frame(name: str | None) -> pandas.DataFrame:
    """Return a row for each run, task and perturbation, as `rna_bench.load_results` documents; warn of records left out."""
    collection = collect(find(name), deep=True)
    for line in collection.left_out:
        warnings.warn(f"left out: {line}", stacklevel=3)
    models = model_labels(collection.records)
    frame = pandas.DataFrame([row for run in collection.runs for row in _rows(run, models[model_key(run.record)])])
    own = sorted(column for column in frame.columns if column.startswith("method."))
    frame = frame.reindex(columns=[*(column for column in frame.columns if column not in own), *own])
    return frame.astype({"noise_layer": "Int64", "ties": "Int64", "perplexity": float})


def _rows(run: Recorded, model: str) -> Iterator[dict[str, object]]:
    record = run.record
    settings = flat_config(record)
    shared = {
        "run": record.identity,
        "status": record.status.value,
        "model": model,
        "dtype": settings["model.dtype"],
        "master_weights": settings.get("optimizer.master_weights", False),
        "method": method_of_run(record.config, record.choices),
        "noise": noise_of_run(record.config),
        "noise_scale": settings.get("noise.scale"),
        "noise_unit": settings.get("noise.unit"),
        "noise_layer": layer if isinstance(layer := settings.get("noise.layer"), int | float) and layer == int(layer) else None,
        "seed": record.config["seed"],
        "steps": settings.get("train.steps"),
        "lr": settings.get("train.lr"),
        "batch_size": settings.get("train.batch_size"),
        "retain_weight": settings.get("train.retain_weight"),
        "forget_loss": final_forget_loss(record),
        "perplexity": record.perplexity.value if record.perplexity else None,
        **{f"{name}_{one.perturbation}": vars(one)[field] for one in record.generation for field, name in GENERATED.items()},
    }
    shared |= {key: value for key, value in settings.items() if key.startswith("method.") and key != "method._target_"}
    answers = answers_of(run)
    for score in record.scores:
        asked = answers.get((score.task, score.perturbation))
        yield shared | {
            "role": score.role,
            "task": score.task,
            "perturbation": score.perturbation,
            "accuracy": score.accuracy,
            "stderr": score.stderr,
            "calibration_error": calibration_error(*asked) if asked else None,
            "n": score.n,
            "population": score.population,
            "ties": score.ties if record.schema_version > 1 else None,
            "revision": record.provenance.get("revision"),
            "folder": str(run.folder),
        }
