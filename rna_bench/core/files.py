"""Files and folders that appear complete or not at all."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from rna_bench.core.types import InputError

UMASK = os.umask(0)
os.umask(UMASK)  # it can only be read by setting it


def keep(path: Path, save: Callable[[Path], object], results_dir: Path) -> None:
    """Write a file of a run atomically, creating its folder. Errors name `results_dir`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, save)
    except OSError as error:
        raise unwritable(results_dir, error) from error


def probe(folder: Path) -> None:
    """Raise InputError unless files can be created in the folder, which is created if necessary."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".writable.{os.getpid()}"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: Path, error: OSError, key: str = "results_dir") -> InputError:
    """Return the error for a folder that cannot be written to; `key` is the configuration key or argument that names it."""
    return InputError(key, folder, f"cannot be written to ({error.strerror}); choose another folder")


def gigabytes(size: float) -> str:
    """Return a size in GB (10^9 bytes), or a small one in MB."""
    value = size / 1e9
    return f"{value:,.0f} GB" if value >= 100 else f"{value:.1f} GB" if value >= 1 else _small(value)


def _small(value: float) -> str:
    return f"{value:.2f} GB" if value >= 0.1 else f"{value * 1000:.1f} MB"


def free_space(folder: Path) -> int:
    """Return the free bytes on the disk of a folder, which need not exist yet."""
    return shutil.disk_usage(nearest(folder)).free


def nearest(folder: Path) -> Path:
    """Return the folder, or its nearest parent that exists."""
    path = folder.absolute()
    return next(place for place in (path, *path.parents) if place.exists())


def write_atomically(path: Path, save: Callable[[Path], object]) -> None:
    """Call `save` with a path beside `path` and rename the result to `path`: readers see the old file or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save(draft)
        with draft.open("rb") as written:
            os.fsync(written.fileno())  # the content must reach the disk before the name does
        draft.chmod(0o666 & ~UMASK)  # safetensors makes its files readable by their owner alone
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def staged_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside `target` and rename it to `target` at the end; after an error nothing is left of it.

    A `target` that is an empty folder is replaced. Any other existing one raises InputError, or is replaced with `replace`.
    Files and folders get the permissions that the umask grants.
    """
    if not replace and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError("folder", target, "exists already and is not empty; give another")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield draft
        for path in (draft, *draft.rglob("*")):
            path.chmod((0o777 if path.is_dir() else 0o666) & ~UMASK)
        if target.exists():
            shutil.rmtree(target)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
