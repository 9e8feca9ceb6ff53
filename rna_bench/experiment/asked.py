"""Responses of files that an earlier run has asked the same questions: they are read back, and no model is loaded."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rna_bench.core.types import InputError, Response, RunRecord, Task
from rna_bench.experiment.config import ExperimentConfig
from rna_bench.experiment.data import Inputs
from rna_bench.experiment.evaluate import Responses
from rna_bench.runs import record
from rna_bench.runs.identity import as_it_is, trains


def asked_before(experiment: ExperimentConfig, inputs: Inputs) -> Responses | None:
    """Return the responses of a run below results_dir that asked all the same of the same files, to the bit.

    None where there is none, or the run trains. A run that asked other questions, or other triggers, is not used: its prompts were
    in other batches, and the record would not be the same to the last bit.
    """
    if experiment.recipe:
        return None
    wanted = as_it_is(experiment.config, inputs.fingerprints), inputs.held_out.fingerprint if inputs.held_out else None
    for made, folder in _recorded(experiment.results_dir, inputs.fingerprints["model"]):
        same = as_it_is(made.config, made.fingerprints), made.perplexity.text if made.perplexity else None
        if made.schema_version > 1 and not trains(made.config) and same == wanted:
            return Responses(_responses(folder / record.QUESTIONS, inputs.tasks), 0, made.identity)
    return None


def _recorded(results_dir: Path, fingerprint: str) -> Iterator[tuple[RunRecord, Path]]:
    """Yield the records below a folder that name a model's fingerprint and have their responses; unusable ones are left out."""
    for path in sorted(results_dir.glob(f"*/{record.RECORD}")):
        try:
            if fingerprint.encode() in path.read_bytes() and (path.parent / record.QUESTIONS).is_file():
                yield record.read(path, path.parent.name), path.parent
        except (OSError, InputError):
            continue


def _responses(path: Path, tasks: Sequence[Task]) -> list[Response]:
    roles = {task.name: task.role for task in tasks}
    rows = record.read_responses(path).to_pylist()
    return [
        Response(
            task=row["task"],
            role=roles[row["task"]],
            question=row["question"],
            perturbation=row["perturbation"],
            logps=(row["logp_a"], row["logp_b"], row["logp_c"], row["logp_d"]),
            correct=row["answer"],
            subject=row["subject"],
        )
        for row in rows
    ]
