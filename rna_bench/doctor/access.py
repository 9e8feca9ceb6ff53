"""What a run finds and what it lacks, one finding a thing. Nothing is fetched, trained, made or written."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from pathlib import Path

import torch

from rna_bench.core.types import InputError
from rna_bench.data.corpora import Corpus
from rna_bench.data.questions import QuestionSource
from rna_bench.models.architecture import Architecture
from rna_bench.unlearning.config import UnlearningConfig, check_architecture, check_topics


class Status(Enum):
    """`missing`: the run would stop for want of it. `wrong`: it would stop because of a setting."""

    ok = "OK"
    missing = "MISSING"
    wrong = "WRONG"


@dataclass(frozen=True)
class Finding:
    """One thing looked at, and what is to be said of it."""

    what: str
    status: Status
    said: str


def found(what: str, missing: Sequence[str], said: str) -> list[Finding]:
    """Return a finding for each missing line, or one that all is there."""
    return [Finding(what, Status.missing, line) for line in missing] or [Finding(what, Status.ok, said)]


def questions(name: str, source: QuestionSource, seed: int) -> tuple[list[Finding], int | None]:
    """Return what is to be said of a dataset, and how many questions it holds; None before it is there."""
    missing = source.missing()
    if missing:
        return found(f"dataset {name}", missing, ""), None
    try:
        count = len(source.questions(seed))
    except InputError as error:
        return [Finding(f"dataset {name}", Status.wrong, str(error))], None
    return found(f"dataset {name}", [], f"{count:,} questions to {source.role}"), count


def corpus(source: Corpus, recipe: UnlearningConfig, seed: int) -> list[Finding]:
    """Say what topics there are, and whether those with settings of their own are among them."""
    missing = source.missing()
    if missing:
        return found("corpus", missing, "")
    try:
        topics = source.topics(seed)
        check_topics(recipe, [topic.name for topic in topics])
    except InputError as error:
        return [Finding("corpus", Status.wrong, str(error))]
    said = [f"{topic.name}, {len(topic.forget):,} texts to forget and {len(topic.retain):,} to retain" for topic in topics]
    return found("corpus", [], "; ".join(said))


def names(recipe: UnlearningConfig, architecture: Architecture) -> Finding:
    """Check layers and the pattern of trained tensors against the architecture, as a run does against the model."""
    try:
        check_architecture(recipe, architecture)
    except InputError as error:
        return Finding("layers and trained tensors", Status.wrong, str(error))
    return Finding("layers and trained tensors", Status.ok, f"checked against the architecture ({architecture.model_type})")


def device(name: str, peak: int) -> Finding:
    """Say whether the device is there, and has memory for the peak, where both are known."""
    kind = name.partition(":")[0]
    if kind == "auto" and not find_spec("accelerate"):
        return Finding("device", Status.missing, f"model.device={name}: needs accelerate; pip install 'rna_bench[sharding]'")
    if kind == "cuda" and not torch.cuda.is_available():
        remedy = "this machine has no GPU that PyTorch can use; run on one that has, or give model.device=cpu"
        return Finding("device", Status.missing, f"model.device={name}: {remedy}")
    if kind != "cuda":
        return Finding("device", Status.ok, name)
    try:
        known = torch.cuda.get_device_properties(torch.device(name))
    except (RuntimeError, AssertionError):
        return Finding(
            "device", Status.missing, f"model.device={name}: this machine has {torch.cuda.device_count()} GPUs; give another"
        )
    if known.total_memory < peak:
        remedy = f"{known.name} has {gigabytes(known.total_memory)} of about {gigabytes(peak)} needed"
        cure = "raise train.micro_batches, lower scoring.batch_tokens, or give model.device=auto"
        return Finding("device", Status.missing, f"model.device={name}: {remedy}; {cure}")
    return Finding("device", Status.ok, f"{name}, {known.name}, {gigabytes(known.total_memory)}")


def results(folder: Path) -> Finding:
    """Say whether the results folder, or else the folder it would be made in, can be written to."""
    there = _nearest(folder)
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Finding("results folder", Status.ok, str(folder))
    return Finding("results folder", Status.missing, f"results_dir={folder}: cannot be written to; choose another folder")


def disk(what: str, folder: Path, need: int) -> Finding:
    """Say whether the disk that the folder is on, or will be, has room."""
    free = shutil.disk_usage(_nearest(folder)).free
    if free < need:
        remedy = f"{gigabytes(free)} free of {gigabytes(need)} needed; make room, or choose another folder"
        return Finding(what, Status.missing, f"{folder}: {remedy}")
    return Finding(what, Status.ok, f"{gigabytes(free)} free, {gigabytes(need)} needed, in {folder}")


def weights_disk(need: int) -> Finding:
    """Say whether the hub's cache has room for weights that are yet to be fetched."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return disk("disk for weights", Path(HF_HUB_CACHE), need)


def gigabytes(size: float) -> str:
    """Return a size in GB (10^9 bytes), or in MB a small one."""
    value = size / 1e9
    return f"{value:,.0f} GB" if value >= 100 else f"{value:.1f} GB" if value >= 1 else _small(value)


def _small(value: float) -> str:
    return f"{value:.2f} GB" if value >= 0.1 else f"{value * 1000:.1f} MB"


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there."""
    path = folder.absolute()
    return next(place for place in (path, *path.parents) if place.exists())
