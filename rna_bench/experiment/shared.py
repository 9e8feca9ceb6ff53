"""What the runs of one process share: the model as it was loaded, and activations of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rna_bench.core.types import ModelFolder
from rna_bench.models.loading import load_model
from rna_bench.models.segments import Policy
from rna_bench.models.store import NULL_STORE, Reuse, Store


class ProcessCache:
    """One model at a time, and a store that belongs to it."""

    def __init__(self) -> None:
        self._key: tuple[str, ModelFolder] | None = None
        self._loaded: tuple[PreTrainedModel, PreTrainedTokenizerBase] | None = None
        self._reuse: Reuse | None = None
        self._store = NULL_STORE

    def model(self, source: ModelFolder, fingerprint: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """Return the model, loaded unless it was the last one; after training call `restore`."""
        if self._loaded is None or self._key != (fingerprint, source):
            self.clear()
            self._loaded = load_model(source)
            self._key = (fingerprint, source)
        return self._loaded

    def store(self, reuse: Reuse) -> Store:
        """Return the store of the last model."""
        if self._reuse != reuse:
            self._store.close()
            self._reuse, self._store = reuse, Store(reuse)
        return self._store

    @property
    def hits(self) -> int:
        """How many activations were found in the store."""
        return self._store.hits

    def clear(self) -> None:
        """Drop everything, for instance after a run that failed."""
        self._store.close()
        self._key, self._loaded, self._reuse, self._store = None, None, None, NULL_STORE


@contextmanager
def before_training(policy: Policy) -> Iterator[None]:
    """Give the policy's trained tensors the values from before training, and their own back at the end."""
    trained = {name: parameter.detach().clone() for name, parameter in policy.trained.items()}
    restore(policy)
    try:
        yield
    finally:
        with torch.no_grad():
            for name, parameter in policy.trained.items():
                parameter.copy_(trained[name])


@torch.no_grad()
def restore(policy: Policy) -> None:
    """Restore the policy's trained tensors to their values before training."""
    for name, parameter in policy.trained.items():
        parameter.copy_(policy.frozen[name])
        parameter.grad = None
    policy.model.eval()
