"""The forward passes of a training step: each is run once, when it is first read, and only as deep as it is read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from rna_bench.core.types import Batch, InputError, TokenValues
from rna_bench.models import segments
from rna_bench.models.chunks import chunked_values, scatter
from rna_bench.models.segments import Policy
from rna_bench.unlearning.noise import Edits, NoisedModel, Side
from rna_bench.unlearning.reference import CleanStates

REFERENCE, POLICY = NoisedModel.reference, NoisedModel.policy


class Outputs(NamedTuple):
    """The result of a forward pass: hidden states (b, t, d) of one layer, and the mask (b, t) of positions that losses include."""

    hidden: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Passes:
    """The passes of one (micro-)step over a forget and a retain batch, with one draw of its noise.

    `forget`, `retain`, `reference_forget` and `reference_retain` are hidden states at `layer`, and nothing above it is run;
    `*_nll` are negative log-likelihoods of the labels; `retain_divergence` compares what policy and reference predict. Logits
    are computed in chunks, and only where labels are predicted. Gradients flow through the policy's passes only. Noise acts on
    the passes of its model over the inputs of its side, from its own layers upward. With `capture`, hidden states at the layer
    `logged` are kept for `hidden_at` when the policy is run to its head. `answered` makes the forget batch with answers instead.
    """

    policy: Policy
    layer: int | None
    logged: int
    forget_batch: Batch
    retain_batch: Batch
    answered: Callable[[tuple[str, ...], bool], Batch]
    noise: Edits
    clean: CleanStates
    capture: bool = False
    several: tuple[int, ...] = ()
    memo: dict[tuple[object, ...], Tensor] = field(default_factory=dict)  # results so far, shared by the draws of a step

    def drawn(self, draws: Sequence[Edits]) -> list["Passes"]:
        """Return these passes with each of the draws."""
        return [replace(self, noise=draw) for draw in draws]

    def at(self, layers: Sequence[int]) -> "Passes":
        """Return these passes with the hidden states (k, b, t, d) of k layers, of one run; none may lie above `layer`."""
        if self.layer is None or max(layers) > self.layer:
            raise InputError("method.layer", self.layer, f"a loss reads hidden states of layer {max(layers)}; give that, or more")
        return replace(self, several=tuple(layers))

    @property
    def forget(self) -> Outputs:
        """The policy on forget inputs."""
        return Outputs(self._hidden(POLICY, Side.forget), self.forget_batch.mask)

    @property
    def retain(self) -> Outputs:
        """The policy on retain inputs."""
        return Outputs(self._hidden(POLICY, Side.retain), self.retain_batch.mask)

    @property
    def reference_forget(self) -> Outputs:
        """The reference model on forget inputs."""
        return Outputs(self._hidden(REFERENCE, Side.forget), self.forget_batch.mask)

    @property
    def reference_retain(self) -> Outputs:
        """The reference model on retain inputs; RNA acts here."""
        return Outputs(self._hidden(REFERENCE, Side.retain), self.retain_batch.mask)

    @property
    def forget_nll(self) -> TokenValues:
        """-log p of each label of the forget batch, by the policy."""
        return self._nll(self._final(POLICY, Side.forget), self.forget_batch)

    @property
    def retain_nll(self) -> TokenValues:
        """-log p of each label of the retain batch, by the policy."""
        return self._nll(self._final(POLICY, Side.retain), self.retain_batch)

    @property
    @torch.no_grad()
    def reference_forget_nll(self) -> TokenValues:
        """-log p of each label of the forget batch, by the reference model."""
        batch = self.forget_batch
        if self.noise.edits(REFERENCE, Side.forget):
            return self._nll(self._final(REFERENCE, Side.forget), batch)
        return TokenValues(self._once("nll", REFERENCE, Side.forget, lambda: self._clean_nll(batch).values), batch.label_mask)

    def answers_nll(self, answers: tuple[str, ...], anew: bool = False) -> TokenValues:
        """-log p of the answers, in turn, to the forget batch's contexts, by the policy, without noise.

        They go on from batch to batch; `anew`, each batch begins with the first.
        """
        batch = self.answered(answers, anew)
        return self._nll(self._run(POLICY, batch, {}, None), batch)

    @torch.no_grad()
    def reference_answers_nll(self, answers: tuple[str, ...], anew: bool = False) -> TokenValues:
        """-log p of the answers, in turn, to the forget batch's contexts, by the reference model, without noise."""
        return self._clean_nll(self.answered(answers, anew))

    def retain_divergence(self, divergence: Callable[[Tensor, Tensor], Tensor], everywhere: bool = False) -> TokenValues:
        """Return divergence(reference's logits (n, v), policy's logits (n, v)) -> (n,) where retain labels are predicted.

        Each value stands at the label's own position. `everywhere`: at all positions of the batch's mask, of what each predicts.
        """
        mask = self.retain_batch.mask if everywhere else self.retain_batch.label_mask
        counted = mask.bool() if everywhere else F.pad(mask.bool()[:, 1:], (0, 1))
        policy, reference = (self._final(model, Side.retain)[counted] for model in (POLICY, REFERENCE))

        def value(rows: Tensor, at: slice) -> Tensor:
            with torch.no_grad():
                expected = self._logits(reference[at])
            return divergence(expected, self._logits(rows))

        return scatter(chunked_values(policy, value, self._vocabulary), mask)

    def hidden_at(self, side: Side) -> Tensor:
        """Return the policy's hidden states (b, t, d) on the inputs of a side, at the layer `logged`."""
        if self.layer == self.logged:
            return self._hidden(POLICY, side)
        captured = self.memo.get(("captured", side))
        return self._run(POLICY, self._batch(side), {}, self.logged) if captured is None else captured

    def reference_was_read(self, side: Side) -> bool:
        """Return whether a loss has read the reference model on the inputs of a side so far."""
        return any(key[1:3] == (REFERENCE, side) for key in self.memo)

    @property
    def width(self) -> int:
        """The hidden size d."""
        return self.policy.model.config.get_text_config().hidden_size

    @property
    def _vocabulary(self) -> int:
        return self.policy.model.config.get_text_config().vocab_size

    def _batch(self, side: Side) -> Batch:
        return self.forget_batch if side is Side.forget else self.retain_batch

    def _once(self, name: str, model: NoisedModel, side: Side, make: Callable[[], Tensor]) -> Tensor:
        key = (name, model, side, self.noise.draw if self.noise.edits(model, side) else None)
        if key not in self.memo:
            self.memo[key] = make()
        return self.memo[key]

    def _hidden(self, model: NoisedModel, side: Side) -> Tensor:
        """Return hidden states at `layer`."""
        if (layer := self.layer) is None:
            other = "" if side is Side.forget else ", or a retain loss on logits"
            remedy = f"a loss reads hidden states of {side.value} inputs; give the method a layer at which to read them{other}"
            raise InputError("method.layer", layer, remedy)
        edits = {number: edit for number, edit in self.noise.edits(model, side).items() if number <= layer}
        if self.several:
            return self._once(f"hidden {self.several}", model, side, lambda: self._stacked(model, self._batch(side), edits))
        return self._once("hidden", model, side, lambda: self._run(model, self._batch(side), edits, layer))

    def _stacked(self, model: NoisedModel, batch: Batch, edits: Mapping[int, Callable[[Tensor], Tensor]]) -> Tensor:
        """Return hidden states (k, b, t, d) at the layers `several`."""
        if model is REFERENCE and not edits:
            return torch.stack([self.clean(batch, layer) for layer in self.several])
        kept: dict[int, Tensor] = {}

        def keep(layer: int, hidden: Tensor) -> Tensor:
            return kept.setdefault(layer, edits[layer](hidden) if layer in edits else hidden)

        self._run(model, batch, {layer: partial(keep, layer) for layer in {*edits, *self.several}}, max(self.several))
        return torch.stack([kept[layer].to(self.policy.device) for layer in self.several])

    def _final(self, model: NoisedModel, side: Side) -> Tensor:
        """Return what `_logits` reads: final hidden states, or, of a model that cannot be split, the logits themselves."""
        edits = self.noise.edits(model, side) | (self._captured(side) if model is POLICY else {})
        batch = self._batch(side) if model is POLICY else self.clean.predicted_from(self._batch(side))
        return self._once("final", model, side, lambda: self._run(model, batch, edits, None))

    def _captured(self, side: Side) -> dict[int, Callable[[Tensor], Tensor]]:
        """Return what keeps the hidden states at the layer `logged` while the policy runs, and changes nothing."""
        if not self.capture or self.logged < self.policy.first:
            return {}
        return {self.logged: lambda hidden: self.memo.setdefault(("captured", side), hidden)}

    def _run(self, model: NoisedModel, batch: Batch, edits: Mapping[int, Callable[[Tensor], Tensor]], stop: int | None) -> Tensor:
        """Return hidden states (b, t, d) at the output of layer `stop`, or with None what the head reads; `edits` change layers."""
        reference = model is REFERENCE
        with torch.set_grad_enabled(torch.is_grad_enabled() and not reference):
            if self.policy.unsplittable:
                whole = segments.logits if stop is None else partial(segments.hidden, stop=stop)
                return whole(self.policy, batch, reference=reference, edits=edits)
            if stop is not None and not edits and (reference or stop < self.policy.first):
                return self.clean(batch, stop)
            start, entry = self._entry(model, batch, edits)
            above = {number: edit for number, edit in edits.items() if number >= start}
            if stop is not None and start > stop:
                assert entry is not None
                return entry
            if stop is None:
                return segments.final(self.policy, batch, reference=reference, start=start, entry=entry, edits=above)
            return segments.hidden(self.policy, batch, stop, reference=reference, start=start, entry=entry, edits=above)

    def _entry(
        self, model: NoisedModel, batch: Batch, edits: Mapping[int, Callable[[Tensor], Tensor]]
    ) -> tuple[int, Tensor | None]:
        """Return the layer to begin at and what enters it: below it policy and reference are the same, and nothing is run twice."""
        first, lowest = self.policy.first, min(edits, default=None)
        if lowest is not None and (model is REFERENCE or lowest < first):
            return lowest + 1, edits[lowest](self.clean(batch, lowest))
        if not first:
            return 0, None
        for layer in self._needed_below(batch):  # on the way up, so that each layer is run once
            self.clean(batch, layer)
        return first, self.clean(batch, first - 1)

    def _needed_below(self, batch: Batch) -> list[int]:
        """Return the layers below the first trained one at which the clean hidden states of a batch are needed, too."""
        retain = (self.retain_batch, self.clean.predicted_from(self.retain_batch))
        side = Side.retain if any(batch is one for one in retain) else Side.forget
        noised = [*self.noise.edits(REFERENCE, side), *self.noise.edits(POLICY, side)][:1]
        layers = [*noised, *([self.logged] if self.capture else [])]
        return sorted(layer for layer in layers if layer < self.policy.first - 1)

    def _logits(self, rows: Tensor) -> Tensor:
        return rows if self.policy.unsplittable else segments.head(self.policy, rows)

    def _clean_nll(self, batch: Batch) -> TokenValues:
        """Return -log p of each label by the reference model without noise; the store may know it."""
        read = self.clean.predicted_from(batch)
        values = self.clean.store.get("nll", read, lambda: self._nll(self._run(REFERENCE, read, {}, None), read).values)
        return TokenValues(values, batch.label_mask)

    def _nll(self, final: Tensor, batch: Batch) -> TokenValues:
        """Return -log p of each label, at the label's own position; the row before it predicts it."""
        counted = batch.label_mask.bool()
        labels = batch.input_ids[counted]

        def value(rows: Tensor, at: slice) -> Tensor:
            return F.cross_entropy(self._logits(rows).float(), labels[at], reduction="none")

        return scatter(chunked_values(final[:, :-1][counted[:, 1:]], value, self._vocabulary), batch.label_mask)
