"""Stores activations of the reference model that several runs of a sweep share, in bounded memory."""

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
    """How much to store for the next runs of a sweep: in memory, then on disk (in `folder`, by default the temporary folder)."""

    memory_mb: int
    disk_mb: int
    folder: str | None

    def __post_init__(self) -> None:
        for key in ("memory_mb", "disk_mb"):
            if vars(self)[key] < 0:
                raise InputError(f"reuse.{key}", vars(self)[key], "give 0 to store nothing there, or more")


class Store:
    """Tensors by name and batch. Those that do not fit are not stored, and computed again.

    The first tensors stay: runs read their batches in the same order, so evicting the oldest would mean no hits at all. Keys do
    not include the model: use a new store for each.
    """

    def __init__(self, reuse: Reuse) -> None:
        self._free = [reuse.memory_mb * 2**20, reuse.disk_mb * 2**20]
        self._parent = reuse.folder
        self._folder: Path | None = None
        self._memory: dict[str, Tensor] = {}
        self._disk: dict[str, Path] = {}
        self.hits = 0

    def get(self, name: str, batch: Batch, make: Callable[[], Tensor]) -> Tensor:
        """Return the named tensor for the batch, stored or computed by `make`, bit for bit the same, on the batch's device."""
        if not any(self._free) and not self._memory and not self._disk:
            return make()
        key = _key(name, batch)
        stored = self._memory.get(key)
        if stored is None and key in self._disk:
            stored = load_file(self._disk[key])["tensor"]
        if stored is not None:
            self.hits += 1
            return stored.to(batch.input_ids.device)
        tensor = make()
        self._put(key, tensor)
        return tensor

    def close(self) -> None:
        """Free memory and disk; nothing is stored from now on."""
        self._memory.clear()
        self._disk.clear()
        self._free = [0, 0]
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _new_folder(self) -> Path:
        try:
            return Path(tempfile.mkdtemp(prefix="rna_bench.", dir=self._parent))
        except OSError as error:
            raise InputError("reuse.folder", self._parent, f"cannot be written to ({error.strerror}); choose another") from error

    def _put(self, key: str, tensor: Tensor) -> None:
        size = tensor.nbytes
        if size <= self._free[0]:
            self._free[0] -= size
            self._memory[key] = tensor.detach().cpu()
        elif size <= self._free[1]:
            self._free[1] -= size
            self._folder = self._folder or self._new_folder()
            path = self._folder / f"{key}.safetensors"
            try:
                save_tensors(path, {"tensor": tensor}, {})
            except OSError as error:
                path.unlink(missing_ok=True)
                self._free[1] = 0
                log.warning("%s: no more activations are stored there (%s)", self._folder, error.strerror)
            else:
                self._disk[key] = path


NULL_STORE = Store(Reuse(0, 0, None))
"""A store that stores nothing."""


def _key(name: str, batch: Batch) -> str:
    digest = hashlib.sha256(f"{name}\0{tuple(batch.input_ids.shape)}\0".encode())
    for tensor in (batch.input_ids, batch.label_mask, batch.attention):
        if tensor is not None:
            digest.update(tensor.to("cpu", torch.int32).numpy().tobytes())
    return digest.hexdigest()[:32]
