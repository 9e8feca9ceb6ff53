"""Relearning: fine-tuning on texts about some of the forgotten facts, judged on the others; or on harmless text alone.

Training on accessible facts and judging on others is the test of Deeb and Roger, "Do Unlearning Methods Remove Information from
Language Model Weights?" (arXiv 2410.08827, section 3); what harmless text brings back is benign relearning (Hu et al., arXiv
2406.13356). Deviations: one learning rate, stated, instead of the best of several; all numbers of steps are judged, not the best.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from rna_bench.attacks.cost import AttackCost, Updates
from rna_bench.attacks.protocol import AttackStage, AttackText, Target, TextKind, TextSide, check_facts, check_rising
from rna_bench.core.types import Batch, InputError, Padding
from rna_bench.data.batches import Batches
from rna_bench.models.lora import Lora, adapted
from rna_bench.models.policies import attacked_tensors, train_only
from rna_bench.unlearning.optimizers import AdamW


@dataclass(frozen=True)
class Relearn:
    """Fine-tune the tensors that `parameters` names, and judge after each number of `steps`; the budget is updates.

    Texts come in random order, `batch_size` a step, each cut after `max_tokens` tokens. Of questions the letter of the answer alone
    is learned, of documents every token. With `lora`, adapters of the matrices among these tensors are trained in their place.
    """

    text: TextKind
    about: TextSide
    facts: int
    steps: list[int]
    lr: float
    batch_size: int
    max_tokens: int
    parameters: str
    optimizer: AdamW
    lora: Lora | None = None

    def __post_init__(self) -> None:
        check_rising("steps", self.steps, "updates")
        check_facts(self.facts, self.about)
        for key in ("lr", "batch_size", "max_tokens"):
            if not vars(self)[key] > 0:
                raise InputError(f"attack.*.{key}", vars(self)[key], "give a number above 0")

    def cost(self) -> AttackCost:
        """Return what it takes."""
        rank = self.lora.rank if self.lora else 0
        return AttackCost(len(self.steps), Updates(self.steps[-1], self.batch_size, self.max_tokens, self.parameters, rank))

    def stages(self, target: Target, text: AttackText, random: Random) -> Iterator[AttackStage]:
        """Yield a stage after each number of steps."""
        model = target.model
        texts = text.of(self.text, self.about)
        texts = random.sample(texts, len(texts))
        batches = Batches(texts, target.tokenizer, self.batch_size, self.max_tokens, model.device, Padding.masked)
        with self._trained(model, random) as trained:
            optimizer = self.optimizer.make(trained, self.lr)
            for start, end in pairwise([0, *self.steps]):
                for step in range(start, end):
                    _update(model, batches(step), optimizer)
                yield AttackStage(end, "", target.ask)

    def _trained(self, model: PreTrainedModel, random: Random) -> AbstractContextManager[list[nn.Parameter]]:
        if not self.lora:
            return nullcontext(train_only(model, self.parameters))
        generator = torch.Generator().manual_seed(random.getrandbits(63))
        return adapted(model, list(attacked_tensors(model, self.parameters)), self.lora, generator)


def _update(model: PreTrainedModel, batch: Batch, optimizer: torch.optim.Optimizer) -> None:
    if not batch.label_mask[:, 1:].any():
        raise InputError("attack.*.max_tokens", batch.input_ids.shape[1], "cuts off all that is to be learned; give more")
    optimizer.zero_grad(set_to_none=True)
    next_token_loss(model, batch).backward()
    optimizer.step()


def next_token_loss(model: PreTrainedModel, batch: Batch) -> Tensor:
    """Return the mean negative log-likelihood of the tokens (b, t) that the label mask has, as a scalar in fp32."""
    logits = model(input_ids=batch.input_ids, use_cache=False).logits[:, :-1]
    labels = batch.input_ids.masked_fill(batch.label_mask == 0, -100)[:, 1:]
    return F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=-100)
