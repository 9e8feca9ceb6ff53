"""Hidden states of the reference model without noise, each computed once for a batch."""

from functools import partial

import torch
from torch import Tensor

from rna_bench.core.attention import ReferenceAttention
from rna_bench.core.types import Batch
from rna_bench.models import segments
from rna_bench.models.segments import Policy
from rna_bench.models.store import Store


@torch.no_grad()
def reference_hidden(policy: Policy, batch: Batch, layer: int, store: Store) -> Tensor:
    """Return the reference model's hidden states (b, t, d) at the output of `layer`, without noise and without gradient.

    Below the first trained layer they are the policy's, too.
    """
    return CleanStates(policy, store)(batch, layer)


class CleanStates:
    """Hidden states of the reference model without noise, each computed once for a batch, or taken from a store."""

    def __init__(self, policy: Policy, store: Store, attention: ReferenceAttention = ReferenceAttention.masked) -> None:
        self._policy, self.store, self._attention = policy, store, attention
        self._states: dict[tuple[int, int], Tensor] = {}
        self._unmasked: dict[int, tuple[Batch, Batch]] = {}

    def predicted_from(self, batch: Batch) -> Batch:
        """Return the batch that the reference model predicts from: the batch itself, or one without its attention mask.

        That one is made once for a batch and kept, as hidden states belong to it: policy and reference share none of them then.
        """
        if self._attention is ReferenceAttention.masked or batch.attention is None:
            return batch
        return self._unmasked.setdefault(id(batch), (batch, batch._replace(attention=None)))[1]

    @torch.no_grad()
    def __call__(self, batch: Batch, layer: int) -> Tensor:
        key = (id(batch), layer)
        if key not in self._states:
            self._states[key] = self.store.get(f"hidden {layer}", batch, partial(self._make, batch, layer))
        return self._states[key]

    def _make(self, batch: Batch, layer: int) -> Tensor:
        """Run from the highest layer that is known; a model that cannot be cut, from the bottom."""
        first, policy = self._policy.first, self._policy
        if policy.unsplittable:
            return segments.hidden(policy, batch, layer, reference=True)
        if 0 < first <= layer:
            self(batch, first - 1)
        start = max((done + 1 for key, done in self._states if key == id(batch) and done < layer), default=0)
        entry = self._states[id(batch), start - 1] if start else None
        return segments.hidden(policy, batch, layer, reference=layer >= first, start=start, entry=entry)
