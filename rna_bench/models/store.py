"""Activations of the reference model that several runs of a sweep share: computed once, in bounded memory."""

import hashlib
import logging
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from rna_bench.core.types import Batch, InputError
from rna_bench.models.delta import save_tensors

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reuse:
    """How much may be kept for the next runs of a sweep: in memory, then on disk (in `folder`, by default the system's)."""

    memory_mb: int
    disk_mb: int
    folder: str | None

    def __post_init__(self) -> None:
        for key in ("memory_mb", "disk_mb"):
            if vars(self)[key] < 0:
                raise InputError(f"reuse.{key}", vars(self)[key], "give 0 to keep nothing there, or more")


class Store:
    """What was computed for a batch, by the name of what it is. What finds no room is not kept, and computed again.

    The first ones stay: runs read their batches in the same order, so that putting out the oldest would leave none to find.
    The store does not know the model: make a new one for another.
    """

    def __init__(self, reuse: Reuse) -> None:
        self._room = [reuse.memory_mb * 2**20, reuse.disk_mb * 2**20]
        self._parent = reuse.folder
        self._folder: Path | None = None
        self._memory: dict[str, Tensor] = {}
        self._disk: dict[str, Path] = {}
        self.hits = 0

    def get(self, name: str, batch: Batch, make: Callable[[], Tensor]) -> Tensor:
        """Return the named tensor for the batch, kept or made now; it comes back to the batch's device, to the bit."""
        if not any(self._room) and not self._memory and not self._disk:
            return make()
        key = _key(name, batch)
        kept = self._memory.get(key)
        if kept is None and key in self._disk:
            kept = load_file(self._disk[key])["tensor"]
        if kept is not None:
            self.hits += 1
            return kept.to(batch.input_ids.device)
        made = make()
        self._keep(key, made)
        return made

    def close(self) -> None:
        """Give back memory and disk."""
        self._memory.clear()
        self._disk.clear()
        self._room = [0, 0]
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _made(self) -> Path:
        try:
            return Path(tempfile.mkdtemp(prefix="rna_bench.", dir=self._parent))
        except OSError as error:
            raise InputError("reuse.folder", self._parent, f"cannot be written to ({error.strerror}); choose another") from error

    def _keep(self, key: str, made: Tensor) -> None:
        size = made.nbytes
        if size <= self._room[0]:
            self._room[0] -= size
            self._memory[key] = made.detach().cpu()
        elif size <= self._room[1]:
            self._room[1] -= size
            self._folder = self._folder or self._made()
            path = self._folder / f"{key}.safetensors"
            try:
                save_tensors(path, {"tensor": made}, {})
            except OSError as error:
                path.unlink(missing_ok=True)
                self._room[1] = 0
                log.warning("%s: no more activations are kept there (%s)", self._folder, error.strerror)
            else:
                self._disk[key] = path


NOTHING = Store(Reuse(0, 0, None))
"""A store that keeps nothing."""


def _key(name: str, batch: Batch) -> str:
    digest = hashlib.sha256(f"{name}\0{tuple(batch.input_ids.shape)}\0".encode())
    for tensor in (batch.input_ids, batch.label_mask, batch.attention):
        if tensor is not None:
            digest.update(tensor.to("cpu", torch.int32).numpy().tobytes())
    return digest.hexdigest()[:32]
