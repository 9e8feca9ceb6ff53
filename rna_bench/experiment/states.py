"""States of a run at steps of its training, kept until attacks on them are recorded."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from rna_bench.core import files
from rna_bench.core.types import InputError
from rna_bench.models.delta import save_delta
from rna_bench.models.segments import Policy

FOLDER = ".states"


def save_state_at(folder: Path, step: int, policy: Policy, base: Mapping[str, str]) -> None:
    """Save the trained tensors of the run in a folder as they are after a step."""
    files.keep(_path(folder, step), lambda path: save_delta(path, policy.trained, base), folder.parent)


def find_state(folder: Path, step: int) -> Path:
    """Return the file of the trained tensors after a step; none is an error."""
    path = _path(folder, step)
    if not path.is_file():
        remedy = (
            f"{folder} has no state after that step: they are kept while a run trains; give another results_dir to run it again"
        )
        raise InputError("attack.at", step, remedy)
    return path


def clear_states(folder: Path) -> None:
    """Remove all states of the run in a folder."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def _path(folder: Path, step: int) -> Path:
    return folder / FOLDER / f"{step}.safetensors"
