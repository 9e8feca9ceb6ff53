"""Checks what a run needs and whether it is available. Nothing is fetched, trained or written."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from pathlib import Path

import torch

from rna_bench.core.files import free_space, gigabytes, nearest
from rna_bench.core.types import InputError
from rna_bench.data.corpora import Corpus
from rna_bench.data.questions import QuestionSource, make_task
from rna_bench.data.sampling import Sampling
from rna_bench.data.triggers import TriggerSource, check_given, check_subjects
from rna_bench.doctor.counts import QuestionCount, counted, published
from rna_bench.models.architecture import Architecture
from rna_bench.unlearning.config import UnlearningConfig, check_architecture, check_topics


class CheckStatus(Enum):
    """Result of a check. `missing`: the run would stop because something is not available. `wrong`: because of a setting."""

    ok = "OK"
    missing = "MISSING"
    wrong = "WRONG"


@dataclass(frozen=True)
class Finding:
    """The result of one check: its subject, its status, and a message."""

    subject: str
    status: CheckStatus
    message: str


def findings(subject: str, missing: Sequence[str], message: str) -> list[Finding]:
    """Return a finding for each line about something missing, or one with the message if nothing is missing."""
    return [Finding(subject, CheckStatus.missing, line) for line in missing] or [Finding(subject, CheckStatus.ok, message)]


def questions(
    name: str, source: QuestionSource, sampling: Sampling, trigger: TriggerSource, seed: int
) -> tuple[list[Finding], QuestionCount | None]:
    """Return findings on a dataset, which must fit the triggers, and its number of questions, or None if it is not known."""
    missing = source.missing()
    if missing:
        return findings(f"dataset {name}", missing, ""), published(name, source, sampling)
    try:
        task = make_task(name, source, seed, sampling)
        check_given(task, trigger.types)
        if source.role == "retain" and trigger.types:
            check_subjects(sorted({question.subject for question in task.questions}), trigger.types, trigger.pool(seed))
    except InputError as error:
        return [Finding(f"dataset {name}", CheckStatus.wrong, str(error))], None
    of = f" of {sum(task.populations.values()):,}" if task.populations else ""
    paired = f"; {task.pairing}" if task.pairing else ""
    return findings(f"dataset {name}", [], f"{len(task.questions):,}{of} questions to {source.role}{paired}"), counted(task)


def corpus(source: Corpus, recipe: UnlearningConfig, seed: int) -> list[Finding]:
    """Return findings on the topics of a corpus, which must include those with their own settings."""
    missing = source.missing()
    if missing:
        return findings("corpus", missing, "")
    try:
        topics = source.topics(seed)
        check_topics(recipe, [topic.name for topic in topics])
    except InputError as error:
        return [Finding("corpus", CheckStatus.wrong, str(error))]
    sizes = [f"{topic.name}, {len(topic.forget):,} texts to forget and {len(topic.retain):,} to retain" for topic in topics]
    return findings("corpus", [], "; ".join(sizes))


def architecture_finding(recipe: UnlearningConfig, architecture: Architecture) -> Finding:
    """Check layers and the pattern of trained tensors against the architecture, as a run does against the model."""
    try:
        check_architecture(recipe, architecture)
    except InputError as error:
        return Finding("layers and trained tensors", CheckStatus.wrong, str(error))
    return Finding("layers and trained tensors", CheckStatus.ok, f"checked against the architecture ({architecture.model_type})")


def device(name: str, peak: int) -> Finding:
    """Check that the device exists and, if it is a GPU, that its memory suffices for the peak."""
    device_type = name.partition(":")[0]
    if device_type == "auto" and not find_spec("accelerate"):
        return Finding("device", CheckStatus.missing, f"model.device={name}: needs accelerate; pip install 'rna_bench[sharding]'")
    if device_type == "cuda" and not torch.cuda.is_available():
        remedy = "this machine has no GPU that PyTorch can use; run on one that has, or give model.device=cpu"
        return Finding("device", CheckStatus.missing, f"model.device={name}: {remedy}")
    if device_type != "cuda":
        return Finding("device", CheckStatus.ok, name)
    try:
        gpu = torch.cuda.get_device_properties(torch.device(name))
    except (RuntimeError, AssertionError):
        return Finding(
            "device", CheckStatus.missing, f"model.device={name}: this machine has {torch.cuda.device_count()} GPUs; give another"
        )
    if gpu.total_memory < peak:
        remedy = f"{gpu.name} has {gigabytes(gpu.total_memory)} of about {gigabytes(peak)} needed"
        advice = "raise train.micro_batches, lower scoring.batch_tokens, or give model.device=auto"
        return Finding("device", CheckStatus.missing, f"model.device={name}: {remedy}; {advice}")
    return Finding("device", CheckStatus.ok, f"{name}, {gpu.name}, {gigabytes(gpu.total_memory)}")


def results(folder: Path) -> Finding:
    """Check that the results folder, or the folder that it would be created in, is writable."""
    place = nearest(folder)
    if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
        return Finding("results folder", CheckStatus.ok, str(folder))
    return Finding("results folder", CheckStatus.missing, f"results_dir={folder}: cannot be written to; choose another folder")


def disk(subject: str, folder: Path, need: int) -> Finding:
    """Check that the disk of the folder, which need not exist yet, has enough space."""
    free = free_space(folder)
    if free < need:
        remedy = f"{gigabytes(free)} free of {gigabytes(need)} needed; free some space, or choose another folder"
        return Finding(subject, CheckStatus.missing, f"{folder}: {remedy}")
    return Finding(subject, CheckStatus.ok, f"{gigabytes(free)} free, {gigabytes(need)} needed, in {folder}")


def weights_disk(need: int) -> Finding:
    """Check that the hub's cache has space for weights that have yet to be fetched."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return disk("disk for weights", Path(HF_HUB_CACHE), need)
