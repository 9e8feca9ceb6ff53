"""The passes of a training step: each is run once, when it is first read, and only as deep as it is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from rna_bench.core.types import Batch, InputError, Outputs, TokenValues
from rna_bench.models import segments
from rna_bench.models.chunks import chunked_values
from rna_bench.models.segments import Policy
from rna_bench.models.store import Store
from rna_bench.unlearning.noise import gaussian
from rna_bench.unlearning.reference import Clean


@dataclass(frozen=True)
class Augmentation:
    """Noise on the reference model's pass over retain inputs: `scale` in absolute units, at the output of `layer`."""

    scale: float
    layer: int
    generator: torch.Generator

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return the hidden state with fresh noise."""
        return gaussian(hidden, self.scale, self.generator)


@dataclass(frozen=True)
class Passes:
    """The passes of one (micro-)step over a forget and a retain batch.

    `forget`, `retain`, `reference_forget` and `reference_retain` are hidden states at `layer`, and nothing above it is run;
    `*_nll` are negative log-likelihoods of the targets; `retain_divergence` compares what policy and reference predict. Logits
    are made in chunks, where they count. Gradients flow through the policy's passes only. RNA acts on the reference's passes
    over retain inputs alone, from its own layer upward. With `capture`, hidden states at that layer are noted on the policy's way
    to the head, for `seen`.
    """

    policy: Policy
    layer: int | None
    forget_batch: Batch
    retain_batch: Batch
    preferred_batch: Callable[[], Batch]
    augmentation: Augmentation
    store: Store
    capture: bool = False

    @cached_property
    def forget(self) -> Outputs:
        """The policy on forget inputs."""
        return Outputs(self._policy_hidden(self.forget_batch), self.forget_batch.mask)

    @cached_property
    def retain(self) -> Outputs:
        """The policy on retain inputs."""
        return Outputs(self._policy_hidden(self.retain_batch), self.retain_batch.mask)

    @cached_property
    def reference_forget(self) -> Outputs:
        """The reference model on forget inputs, without noise."""
        return Outputs(self._clean(self.forget_batch, self._layer), self.forget_batch.mask)

    @cached_property
    def reference_retain(self) -> Outputs:
        """The reference model on retain inputs, with noise."""
        return Outputs(self._noised(self._layer), self.retain_batch.mask)

    @cached_property
    def forget_nll(self) -> TokenValues:
        """-log p of each target of the forget batch, by the policy."""
        return self._nll(self._policy_final(self.forget_batch), self.forget_batch)

    @cached_property
    def preferred_nll(self) -> TokenValues:
        """-log p of each target of the preferred answers, by the policy."""
        return self._nll(self._policy_final(self._preferred), self._preferred)

    @cached_property
    def reference_forget_nll(self) -> TokenValues:
        """-log p of each target of the forget batch, by the reference model, without noise."""
        return self._reference_nll(self.forget_batch)

    @cached_property
    def reference_preferred_nll(self) -> TokenValues:
        """-log p of each target of the preferred answers, by the reference model, without noise."""
        return self._reference_nll(self._preferred)

    def retain_divergence(self, divergence: Callable[[Tensor, Tensor], Tensor]) -> TokenValues:
        """Return divergence(reference's logits (n, v), policy's logits (n, v)) -> (n,) where retain targets are predicted.

        Each value stands at the target's own position. Deviation: the released code also compares what the last token predicts.
        """
        counted = self.retain_batch.label_mask.bool()[:, 1:]
        policy, reference = self._policy_final(self.retain_batch)[:, :-1][counted], self._noised_final()[:, :-1][counted]

        def value(rows: Tensor, at: slice) -> Tensor:
            with torch.no_grad():
                expected = self._logits(reference[at])
            return divergence(expected, self._logits(rows))

        return scatter(chunked_values(policy, value, self._vocabulary), self.retain_batch.label_mask)

    def seen(self, batch: Batch) -> Tensor:
        """Return the policy's hidden states on the forget or retain batch at `layer`, or at the noise's where that is None."""
        if self.layer is not None:
            return (self.forget if batch is self.forget_batch else self.retain).hidden
        layer = self.augmentation.layer
        if layer < self.policy.first:
            return self._clean(batch, layer)
        if id(batch) in self._noted:
            return self._noted[id(batch)]
        return segments.hidden(self.policy, batch, layer, start=self.policy.first, entry=self._entry(batch))

    @property
    def width(self) -> int:
        """The hidden size d."""
        return self.policy.model.config.get_text_config().hidden_size

    @cached_property
    def _preferred(self) -> Batch:
        return self.preferred_batch()

    @property
    def _layer(self) -> int:
        if self.layer is None:
            raise InputError("retain", "HiddenMSE", "the method steers no layer to compare at; give a retain loss on logits")
        return self.layer

    @property
    def _vocabulary(self) -> int:
        return self.policy.model.config.get_text_config().vocab_size

    @cached_property
    def _clean(self) -> Clean:
        return Clean(self.policy, self.store)

    def _entry(self, batch: Batch) -> Tensor | None:
        """Return what enters the first trained layer, the same for policy and reference, or None where that is layer 0."""
        if not self.policy.first:
            return None
        noised = batch is self.retain_batch and self.augmentation.scale
        if (noised or self.capture) and self.augmentation.layer < self.policy.first - 1:
            self._clean(batch, self.augmentation.layer)  # on the way up: noise enters there, or it is asked for
        return self._clean(batch, self.policy.first - 1)

    def _policy_hidden(self, batch: Batch) -> Tensor:
        if self._layer < self.policy.first:
            return self._clean(batch, self._layer)
        return segments.hidden(self.policy, batch, self._layer, start=self.policy.first, entry=self._entry(batch))

    def _policy_final(self, batch: Batch) -> Tensor:
        """Return what `_logits` reads: final hidden states, or, of a model that cannot be cut, the logits themselves."""
        if self.policy.unsplittable:
            return segments.logits(self.policy, batch, edits=self._notes(batch))
        return segments.final(self.policy, batch, start=self.policy.first, entry=self._entry(batch), edits=self._notes(batch))

    def _notes(self, batch: Batch) -> Mapping[int, Callable[[Tensor], Tensor]]:
        """Return what notes the hidden states at the noise's layer while the policy runs, and changes nothing."""
        if not self.capture or self.augmentation.layer < self.policy.first:
            return {}
        return {self.augmentation.layer: lambda hidden: self._noted.setdefault(id(batch), hidden)}

    @cached_property
    def _noted(self) -> dict[int, Tensor]:
        return {}

    @torch.no_grad()
    def _reference_final(self, batch: Batch) -> Tensor:
        if self.policy.unsplittable:
            return segments.logits(self.policy, batch, reference=True)
        return segments.final(self.policy, batch, reference=True, start=self.policy.first, entry=self._entry(batch))

    @torch.no_grad()
    def _noised(self, stop: int) -> Tensor:
        """Return the reference's hidden states at `stop` on retain inputs, noise having entered at its own layer."""
        added, batch = self.augmentation, self.retain_batch
        if added.layer > stop or not added.scale:
            return self._clean(batch, stop)
        if self.policy.unsplittable:
            return segments.hidden(self.policy, batch, stop, reference=True, edits={added.layer: added})
        noised = added(self._clean(batch, added.layer))
        if added.layer == stop:
            return noised
        return segments.hidden(self.policy, batch, stop, reference=True, start=added.layer + 1, entry=noised)

    @torch.no_grad()
    def _noised_final(self) -> Tensor:
        """Return what `_logits` reads, of the reference on retain inputs with noise."""
        added, batch = self.augmentation, self.retain_batch
        if not added.scale:
            return self._reference_final(batch)
        if self.policy.unsplittable:
            return segments.logits(self.policy, batch, reference=True, edits={added.layer: added})
        noised = added(self._clean(batch, added.layer))
        return segments.final(self.policy, batch, reference=True, start=added.layer + 1, entry=noised)

    def _logits(self, rows: Tensor) -> Tensor:
        return rows if self.policy.unsplittable else segments.head(self.policy, rows)

    @torch.no_grad()
    def _reference_nll(self, batch: Batch) -> TokenValues:
        values = self.store.get("nll", batch, lambda: self._nll(self._reference_final(batch), batch).values)
        return TokenValues(values, batch.label_mask)

    def _nll(self, final: Tensor, batch: Batch) -> TokenValues:
        """Return -log p of each target, at the target's own position; the row before it predicts it."""
        counted = batch.label_mask.bool()
        labels = batch.input_ids[counted]

        def value(rows: Tensor, at: slice) -> Tensor:
            return F.cross_entropy(self._logits(rows).float(), labels[at], reduction="none")

        return scatter(chunked_values(final[:, :-1][counted[:, 1:]], value, self._vocabulary), batch.label_mask)


def scatter(values: Tensor, mask: Tensor) -> TokenValues:
    """Return values (n,) at the positions where the mask (b, t) is 1."""
    spread = torch.zeros(mask.shape, dtype=values.dtype, device=values.device)
    return TokenValues(spread.masked_scatter(mask.bool(), values), mask)
