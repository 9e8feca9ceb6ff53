"""Files and folders that are there whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path

from rna_bench.core.types import InputError

UMASK = os.umask(0)
os.umask(UMASK)  # it can only be read by setting it


def keep(path: Path, save: Callable[[Path], object], results_dir: Path) -> None:
    """Save a file of a run's folder, all at once or not at all; the folder is made. Errors name `results_dir`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, save)
    except OSError as error:
        raise unwritable(results_dir, error) from error


def probe(folder: Path) -> None:
    """Raise InputError unless files can be made in the folder; it is made when it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".writable.{os.getpid()}"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: Path, error: OSError) -> InputError:
    """Return the error for a results folder that cannot be written to."""
    return InputError("results_dir", folder, f"cannot be written to ({error.strerror}); choose another folder")


def write_atomically(path: Path, save: Callable[[Path], object]) -> None:
    """Save to a file beside `path` and move it there, which is all or nothing."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save(draft)
        with draft.open("rb") as written:
            os.fsync(written.fileno())  # the name must not be on the disk before what it names
        draft.chmod(0o666 & ~UMASK)  # safetensors leaves its files to their owner alone
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
