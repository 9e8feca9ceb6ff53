"""Records -> tidy data frames, for notebooks: of scores, and of scores under attack."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TypeAlias

import pandas

from rna_bench.core.types import InputError
from rna_bench.reporting.statistics.calibration import answers_of, calibration_error
from rna_bench.reporting.statistics.frame import flat_config, flattened
from rna_bench.reporting.statistics.models import model_key, model_labels
from rna_bench.reporting.statistics.scores import final_forget_loss
from rna_bench.runs.attack_record import attack_paths, read_attack
from rna_bench.runs.collection import Recorded, collect, find
from rna_bench.runs.labels import method_of_run, noise_of_run

Row: TypeAlias = dict[str, object]
GENERATED = {"perplexity": "generated_perplexity", "repetition": "repetition", "agreement": "agreement"}
"""Measures of a run's continuations, and what begins the names of their columns."""


def results_frame(name: str | None) -> pandas.DataFrame:
    """Return a row for each run, task and perturbation, as `rna_bench.load_results` documents; warn of records left out."""
    frame = _frame(name, _score_rows)
    return frame.astype({"ties": "Int64"})


def attacks_frame(name: str | None) -> pandas.DataFrame:
    """Return a row for each score under attack, as `rna_bench.load_attacks` documents; warn of records left out."""
    frame = _frame(name, _attack_rows)
    return frame if frame.empty else frame.astype({"step": "Int64"})


def _frame(name: str | None, scores_of: Callable[[Recorded], Iterator[Row]]) -> pandas.DataFrame:
    """Return a row for each score of each run, with the run's settings."""
    collection = collect(find(name), deep=True)
    for line in collection.left_out:
        warnings.warn(f"left out: {line}", stacklevel=4)
    models = model_labels(collection.records)
    rows = [
        {**_settings(run, models[model_key(run.record)]), **score, **_origin(run)}
        for run in collection.runs
        for score in scores_of(run)
    ]
    frame = pandas.DataFrame(rows)
    if not rows:
        return frame
    own = sorted(column for column in frame.columns if column.startswith("method."))
    frame = frame.reindex(columns=[*(column for column in frame.columns if column not in own), *own])
    return frame.astype({"noise_layer": "Int64", "perplexity": float})


def _settings(run: Recorded, model: str) -> Row:
    """Return what all rows of a run have in common."""
    record = run.record
    settings = flat_config(record)
    shared: Row = {
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
    return shared | {key: value for key, value in settings.items() if key.startswith("method.") and key != "method._target_"}


def _origin(run: Recorded) -> Row:
    return {"revision": run.record.provenance.get("revision"), "folder": str(run.folder)}


def _score_rows(run: Recorded) -> Iterator[Row]:
    answers = answers_of(run)
    for score in run.record.scores:
        asked = answers.get((score.task, score.perturbation))
        yield {
            "role": score.role,
            "task": score.task,
            "perturbation": score.perturbation,
            "accuracy": score.accuracy,
            "stderr": score.stderr,
            "calibration_error": calibration_error(*asked) if asked else None,
            "n": score.n,
            "population": score.population,
            "ties": score.ties if run.record.schema_version > 1 else None,
        }


def _attack_rows(run: Recorded) -> Iterator[Row]:
    for path in attack_paths(run.folder):
        try:
            made = read_attack(path)
        except InputError as error:
            warnings.warn(f"left out: {run.folder.name}: {error}", stacklevel=6)
            continue
        own = {f"attack.{key}": value for key, value in flattened(made.config).items()}
        yield from ({**asdict(score), "step": made.step, **own} for score in made.scores)
