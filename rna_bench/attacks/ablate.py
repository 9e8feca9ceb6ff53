"""Ablation: the directions that set forget inputs apart are removed from hidden states, so that what reacts to them falls silent.

Łucki et al., "An Adversarial Perspective on Machine Unlearning for AI Safety" (arXiv 2409.18025, section 4; released code,
src/orthogonalization at 349b774, its direction `mmlu`): at each layer the difference of two means, of the unlearned model's hidden
states on questions about what was unlearned and on harmless ones, projected out by directional ablation (Arditi et al., arXiv
2406.11717, section 2.4). Deviations: one direction for each task, and their span is removed, as a run unlearns several at once;
questions are not chosen by the answers of the original model, which this attacker has not; of the tokens, those that all
questions of a side begin with are left out, instead of the first 40 and of tokens with unusual states.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

import torch
from torch import Tensor
from transformers import PreTrainedModel

from rna_bench.attacks.cost import AttackCost
from rna_bench.attacks.protocol import AttackStage, AttackText, Target, check_rising
from rna_bench.core.types import InputError, Response
from rna_bench.data.batches import pad
from rna_bench.data.facts import FactTexts
from rna_bench.evaluation.requests import EvalSet
from rna_bench.models.policies import decoder_layers
from rna_bench.models.segments import edited
from rna_bench.models.trees import common_prefix, evaluation_mode
from rna_bench.unlearning.config import check_layer

RANK = 1e-5
"""Differences of means below this share of the mean are no more than rounding."""


@dataclass(frozen=True)
class Ablate:
    """Remove directions, estimated from each number of `texts`, at the output of `layers`; None: of every layer.

    The budget is questions about each task's retaught facts, and as many harmless ones; their answers are not read. Where there
    are fewer, all are taken. Each question is cut after `max_tokens` tokens.
    """

    facts: int
    texts: list[int]
    layers: list[int] | None
    batch_size: int
    max_tokens: int

    def __post_init__(self) -> None:
        check_rising("texts", self.texts, "questions")
        if self.layers is not None and (not self.layers or len({*self.layers}) < len(self.layers)):
            raise InputError("attack.*.layers", self.layers, "give layers, each once, as [5,6,7], or null for all")
        for key in ("facts", "batch_size", "max_tokens"):
            if vars(self)[key] < 1:
                raise InputError(f"attack.*.{key}", vars(self)[key], "give 1 or more")

    def cost(self) -> AttackCost:
        """Return what it takes, of one task: its questions and harmless ones are run for each number of them."""
        return AttackCost(len(self.texts), prompts=2 * sum(self.texts))

    def stages(self, target: Target, text: AttackText, random: Random) -> Iterator[AttackStage]:
        """Yield a stage for each number of texts; the first, without any, has the model's own answers."""
        sides = self.sides(target, text, random)
        most = min(len(side.rows) for side in sides)
        for count in sorted({min(count, most) for count in self.texts}):
            if not count:
                yield AttackStage(0, "", target.ask)
                continue
            yield AttackStage(count, "", partial(_ask_without, target, _spans(*(side.means(count) for side in sides))))

    def sides(self, target: Target, text: AttackText, random: Random) -> "list[QuestionRows]":
        """Return the harmless questions, and then those of each task."""
        layers = self._layers(target)
        return [self._side(target, layers, texts, random) for texts in (text.retain, *text.by_task.values())]

    def _layers(self, target: Target) -> Sequence[int]:
        depth = len(decoder_layers(target.model))
        for layer in self.layers or ():
            check_layer("attack.*.layers", layer, depth)
        return range(depth) if self.layers is None else self.layers

    def _side(self, target: Target, layers: Sequence[int], texts: FactTexts, random: Random) -> "QuestionRows":
        questions = [one.context for one in random.sample(texts.questions, len(texts.questions))]
        if not questions:
            raise InputError("attack", "ablate", "the run was asked no questions about harmless facts; leave this attack out")
        rows = [tuple(ids[: self.max_tokens]) for ids in target.tokenizer(questions)["input_ids"]]
        common = common_prefix(min(rows), max(rows)) if len({*rows}) > 1 else 0
        return QuestionRows(target.model, layers, rows, max(1, min(common, min(map(len, rows)) - 1)), self.batch_size)


@dataclass(frozen=True)
class QuestionRows:
    """Questions as token ids, in random order, and how many tokens at the beginning of each are left out of means."""

    model: PreTrainedModel
    layers: Sequence[int]
    rows: Sequence[tuple[int, ...]]
    skipped: int
    batch_size: int

    def means(self, count: int) -> dict[int, Tensor]:
        """Return the mean (d,) of the hidden states of the first `count` questions' tokens at each layer, in fp32."""
        sums: dict[int, Tensor] = {}
        tokens = 0
        with evaluation_mode(self.model):
            for start in range(0, count, self.batch_size):
                batch = pad(self.rows[start : min(start + self.batch_size, count)], self.model.device)
                counted = batch.mask.bool()
                counted[:, : self.skipped] = False
                with edited(decoder_layers(self.model), {layer: partial(_add_up, sums, layer, counted) for layer in self.layers}):
                    self.model.get_decoder()(input_ids=batch.input_ids, use_cache=False)
                tokens += int(counted.sum())
        return {layer: total / tokens for layer, total in sums.items()}


def _add_up(sums: dict[int, Tensor], layer: int, counted: Tensor, hidden: Tensor) -> Tensor:
    """Add the hidden states (b, t, d) of the tokens that `counted` (b, t) has to the layer's sum (d,), and return them all."""
    total = hidden[counted.to(hidden.device)].float().sum(0)
    sums[layer] = sums[layer] + total if layer in sums else total
    return hidden


def _spans(harmless: Mapping[int, Tensor], *tasks: Mapping[int, Tensor]) -> dict[int, Tensor]:
    """Return a basis of the span of each task's mean less the harmless one, at each layer."""
    return {layer: span([means[layer] - mean for means in tasks], RANK * float(mean.norm())) for layer, mean in harmless.items()}


def span(vectors: Sequence[Tensor], least: float) -> Tensor:
    """Return an orthonormal basis (d, r) of the span of vectors (d,), without directions in which they are shorter than `least`."""
    left, lengths, _ = torch.linalg.svd(torch.stack(list(vectors), dim=1), full_matrices=False)
    return left[:, lengths > least]


def projected_out(basis: Tensor, hidden: Tensor) -> Tensor:
    """Return hidden states (..., d) without their part in the span of a basis (d, r): h - (h B) B^T, in fp32."""
    own = basis.to(hidden.device)
    return (hidden.float() - hidden.float() @ own @ own.T).to(hidden.dtype)


def _ask_without(target: Target, spans: Mapping[int, Tensor], eval_set: EvalSet) -> list[Response]:
    edits = {layer: partial(projected_out, basis) for layer, basis in spans.items()}
    with edited(decoder_layers(target.model), edits):
        return target.ask(eval_set)
