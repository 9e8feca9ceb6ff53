"""SHA-256 digests of files. Those of large files are kept in the cache: 15 GB of weights are read once and not for each run."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from platformdirs import user_cache_path

from rna_bench.core.files import write_atomically

LARGE = 2**26
"""Bytes from which a file's digest is kept: smaller ones are read at once."""
READERS = 4
"""Files that are read side by side; hashing leaves Python's lock alone."""


def cache_folder() -> Path:
    """Return the folder of what is made once and used by many runs: RNA_BENCH_CACHE, or the user's cache."""
    return Path(os.environ.get("RNA_BENCH_CACHE") or user_cache_path("rna_bench"))


def digests(paths: Sequence[Path]) -> list[bytes]:
    """Return the digest of each file."""
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(digest, paths))


def digest(path: Path) -> bytes:
    """Return the digest of a file; that of a large one is kept, under what changes with its content."""
    status = path.stat()
    if status.st_size < LARGE:
        return _read(path)
    kept = cache_folder() / "digests" / _key(path, status)
    made = _kept(kept)
    if made:
        return made
    made = _read(path)
    if _key(path, path.stat()) == kept.name:  # nobody wrote to it meanwhile
        _keep(kept, made)
    return made


def _key(path: Path, status: os.stat_result) -> str:
    """Return a name for this content of the file.

    The time of the last change (`ctime`) is set by the system alone: a file that was rewritten cannot have its earlier one.
    """
    seen = (str(path.resolve()), status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return hashlib.sha256(repr(seen).encode()).hexdigest()


def _kept(kept: Path) -> bytes | None:
    """Return a digest from the cache; None if it is not there, or damaged."""
    try:
        made = bytes.fromhex(kept.read_text())
    except (OSError, ValueError):
        return None
    return made if len(made) == hashlib.sha256().digest_size else None


def _keep(kept: Path, made: bytes) -> None:
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, lambda draft: draft.write_text(made.hex()))
    except OSError:  # a cache that cannot be written to is no reason to stop: the file is read again
        pass


def _read(path: Path) -> bytes:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").digest()
