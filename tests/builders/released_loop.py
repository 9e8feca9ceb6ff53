"""The released code's training loop of arXiv 2501.19202, written from the description of what it does, with no code of theirs.

Two whole models, the policy and a frozen copy, every forward pass through all layers with all logits, one joint loss, plain
tensors. Only the names of the random generators are ours, so that both draw the same directions and the same noise. `Pieces` are
the places where the released code differs from the formulas.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from rna_bench.core.seeds import generator


@dataclass(frozen=True)
class Pieces:
    """What the released code does; a test turns single pieces off."""

    reference_masked: bool = False
    rounded: bool = True
    last_position: bool = True
    bf16_direction: bool = True
    dpo_cancels: bool = True
    transformers_adamw: bool = True


class Encoded(NamedTuple):
    """Ids and attention (b, t), padded on the left."""

    ids: Tensor
    attention: Tensor


class Topic(NamedTuple):
    """A topic's name, its texts on both sides, and the weight of its retain loss."""

    name: str
    forget: Sequence[str]
    retain: Sequence[str]
    weight: float


@dataclass
class ReleasedLoop:
    """A run of one method: `method` is rmu, adaptive_rmu, rsv, npo, dpo or simnpo, `retain` is hidden_mse, kl or mse.

    `strength` is the steering coefficient or scale, or beta.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    method: str
    retain: str
    strength: float
    layer: int
    trained: Sequence[str]
    lr: float
    batch_size: int
    max_tokens: int
    seed: int
    nu: float
    refusals: Sequence[str] = ()
    pieces: Pieces = field(default_factory=Pieces)

    def run(self, topics: Sequence[Topic], steps: int) -> list[tuple[float, float]]:
        """Train the model in place, and return forget and retain loss of each step, the latter unweighted."""
        self.reference = deepcopy(self.model).requires_grad_(False)
        named = dict(self.model.named_parameters())
        update = self._adamw([named[name] for name in self.trained])
        self.control = {topic.name: self._control(topic) for topic in topics}
        losses = []
        for step in range(steps):
            topic, index = topics[step % len(topics)], step // len(topics)
            self.model.zero_grad()
            forget = self._forget(topic, index)
            retain = self._retain(self._batch(topic.retain, index), generator(torch.device("cpu"), self.seed, "noise", step))
            (forget + topic.weight * retain).backward()
            update()
            losses.append((forget.item(), retain.item()))
        return losses

    def _forget(self, topic: Topic, index: int) -> Tensor:
        batch = self._batch(topic.forget, index)
        if self.method in ("rmu", "adaptive_rmu"):
            hidden = self._hidden(self.model, batch)
            return F.mse_loss(hidden, self.control[topic.name].expand(hidden.shape))
        if self.method == "rsv":
            return F.mse_loss(self._hidden(self.model, batch), self._hidden(self.reference, batch) + self.control[topic.name])
        likelihood = self._cross_entropy(self.model, batch)
        margin = likelihood if self.method == "simnpo" else likelihood - self._cross_entropy(self.reference, batch)
        if self.method == "dpo" and not self.pieces.dpo_cancels:
            refused = self._encode(self.refusals[: self.batch_size])  # the first ones, at every step
            margin = margin + self._cross_entropy(self.reference, refused) - self._cross_entropy(self.model, refused)
        return -(2 / self.strength) * F.logsigmoid(self.strength * margin)

    def _retain(self, batch: Encoded, source: torch.Generator) -> Tensor:
        if self.retain == "hidden_mse":
            frozen = self._hidden(self.reference, batch)
            return F.mse_loss(self._hidden(self.model, batch), frozen + self.nu * torch.randn(frozen.shape, generator=source))
        given = self._logits(self.model, batch).log_softmax(-1)
        expected = self._logits(self.reference, batch, source).log_softmax(-1)
        if not self.pieces.last_position:
            given, expected = given[:, :-1], expected[:, :-1]
        if self.pieces.rounded:
            given = given.bfloat16()
            expected = expected.bfloat16() if self.retain == "mse" else expected
        if self.retain == "mse":
            return F.mse_loss(given, expected, reduction="none").float().mean()  # theirs rounds the mean to bf16 as well
        rows = given.shape[0] * given.shape[1]
        return (expected.exp() * (expected - given)).sum() / rows

    def _hidden(self, model: PreTrainedModel, batch: Encoded) -> Tensor:
        """Return the output of the steered layer; both models mask padding in attention here."""
        return self._kept(model, lambda: model(input_ids=batch.ids, attention_mask=batch.attention))

    def _kept(self, model: PreTrainedModel, run: Callable[[], object]) -> Tensor:
        kept: list[Tensor] = []
        hook = model.model.layers[self.layer].register_forward_hook(
            lambda _module, _inputs, output: kept.append(output[0] if isinstance(output, tuple) else output)
        )
        run()
        hook.remove()
        return kept[0]

    def _logits(self, model: PreTrainedModel, batch: Encoded, source: torch.Generator | None = None) -> Tensor:
        """Return logits (b, t, v); the reference model has no attention mask, and noise where it compares retain text."""
        masked = model is self.model or self.pieces.reference_masked
        attention = {"attention_mask": batch.attention} if masked else {}
        if source is None or not self.nu:
            return model(input_ids=batch.ids, **attention).logits

        def add(_module: object, _inputs: object, output: Tensor | tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
            hidden = output[0] if isinstance(output, tuple) else output
            noised = hidden + self.nu * torch.randn(hidden.shape, generator=source)
            return (noised, *output[1:]) if isinstance(output, tuple) else noised

        hook = model.model.layers[self.layer].register_forward_hook(add)
        logits = model(input_ids=batch.ids, **attention).logits
        hook.remove()
        return logits

    def _cross_entropy(self, model: PreTrainedModel, batch: Encoded) -> Tensor:
        """Return the mean over all tokens but the first of each row, padding included."""
        return F.cross_entropy(self._logits(model, batch)[:, :-1].flatten(0, 1), batch.ids[:, 1:].flatten())

    def _control(self, topic: Topic) -> Tensor:
        source, size = generator(torch.device("cpu"), self.seed, "target", topic.name), self.model.config.hidden_size
        if self.method == "rsv":
            vector = torch.randn(size, generator=source)
            vector = vector.bfloat16() if self.pieces.bf16_direction else vector
            return self.strength * (vector / vector.norm())
        vector = torch.rand(size, generator=source)
        unit = vector / vector.norm()
        if self.method == "adaptive_rmu":
            with torch.no_grad():
                return self.strength * self._hidden(self.model, self._batch(topic.forget, 0)).norm(dim=-1).mean() * unit
        return self.strength * unit

    def _batch(self, texts: Sequence[str], index: int) -> Encoded:
        return self._encode(texts[index * self.batch_size : (index + 1) * self.batch_size])

    def _encode(self, texts: Sequence[str]) -> Encoded:
        """Cut on the right, then pad on the left with the end-of-text token."""
        rows = [self.tokenizer(text)["input_ids"][: self.max_tokens] for text in texts]
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self.tokenizer.eos_token_id)
        attention = torch.zeros_like(ids)
        for row, tokens in enumerate(rows):
            ids[row, width - len(tokens) :] = torch.tensor(tokens)
            attention[row, width - len(tokens) :] = 1
        return Encoded(ids, attention)

    def _adamw(self, parameters: Sequence[Tensor]) -> Callable[[], None]:
        """Return the step of the AdamW of transformers before version 5, without decay: epsilon before bias correction."""
        if not self.pieces.transformers_adamw:
            return torch.optim.AdamW(parameters, lr=self.lr, eps=1e-6, weight_decay=0.0).step
        first, second, count = [torch.zeros_like(p) for p in parameters], [torch.zeros_like(p) for p in parameters], [0]

        @torch.no_grad()
        def step() -> None:
            count[0] += 1
            rate = self.lr * (1 - 0.999 ** count[0]) ** 0.5 / (1 - 0.9 ** count[0])
            for parameter, m, v in zip(parameters, first, second, strict=True):
                assert parameter.grad is not None
                m += 0.1 * (parameter.grad - m)
                v += 0.001 * (parameter.grad**2 - v)
                parameter -= rate * m / (v.sqrt() + 1e-6)

        return step


def moves(before: Mapping[str, Tensor], *after: PreTrainedModel) -> list[Tensor]:
    """Return how far each model's tensors of these names moved from what they were, in one vector each."""
    named = [dict(model.named_parameters()) for model in after]
    return [torch.cat([(own[name].detach() - old).flatten() for name, old in before.items()]) for own in named]


def far(moved: Tensor, from_: Tensor) -> float:
    """Return the distance of two moves, relative to the second."""
    return ((moved - from_).norm() / from_.norm()).item()


def differences(one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]) -> list[float]:
    """Return the relative difference of each loss of two runs."""
    pairs = [pair for a, b in zip(one, other, strict=True) for pair in zip(a, b, strict=True)]
    return [abs(a - b) / max(abs(b), 1e-12) for a, b in pairs]
