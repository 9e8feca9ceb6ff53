"""What the benchmarks share: model sizes, random batches, recipes, and our side of a comparison, run through `unlearn` itself."""

import math
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from rna_bench.core.types import Batch, Padding
from rna_bench.data.batches import TopicBatches
from rna_bench.models.segments import Policy
from rna_bench.models.store import NULL_STORE, Store
from rna_bench.unlearning.config import Train, UnlearningConfig
from rna_bench.unlearning.losses import Reduction
from rna_bench.unlearning.methods.npo import NPO
from rna_bench.unlearning.methods.rmu import RMU
from rna_bench.unlearning.noise import RNA, Unit
from rna_bench.unlearning.optimizers import AdamW, AdamWVariant
from rna_bench.unlearning.retain_losses import KL, HiddenMSE
from rna_bench.unlearning.trainer import unlearn

KINDS = ("rm", "po")  # representation misdirection: RMU; preference optimisation: NPO + KL
SEED = 42
FIRST, LAYER = 5, 7  # the lowest trained layer, and the one that is steered and noised
TRAINED = r"model\.layers\.[567]\.mlp\.down_proj\.weight"
NU = {"rm": 0.02, "po": 0.5}  # with less noise, KL of random models is all cancellation, and fp32 does not tell it to 1e-4
COEFFICIENT, BETA = 6.5, 0.1
WEIGHT = {"rm": 1200.0, "po": 50.0}
RATE = {"rm": 5e-5, "po": 2e-5}
Losses: TypeAlias = tuple[float, float]  # forget and retain loss of a step
OPTIMIZER = AdamW([0.9, 0.999], 1e-6, 0.0, AdamWVariant.transformers)


@dataclass(frozen=True)
class Size:
    """How large the model and its batches are."""

    layers: int = 32
    hidden: int = 256
    mlp: int = 688
    heads: int = 8
    kv_heads: int = 8
    vocab: int = 32000
    batch: int = 4
    tokens: int = 512

    def fields_of_config(self) -> dict[str, int]:
        """Return the model's fields by the names that transformers gives them."""
        return {
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden,
            "intermediate_size": self.mlp,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "vocab_size": self.vocab,
        }


def add_sizes(parser: ArgumentParser, default: Size) -> None:
    """Add an option for each field of `Size`."""
    for field in fields(Size):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=int, default=getattr(default, field.name))


def size_of(arguments: object) -> Size:
    """Return the size that the options give."""
    return Size(**{field.name: getattr(arguments, field.name) for field in fields(Size)})


def llama(size: Size) -> PreTrainedModel:
    """Return a randomly initialised Llama in fp32, the same each time."""
    torch.manual_seed(SEED)
    return LlamaForCausalLM(LlamaConfig(**size.fields_of_config(), tie_word_embeddings=False)).eval()


@dataclass(frozen=True)
class RandomBatches:
    """Batches of random ids without padding, by their number, in the place of `Batches`."""

    name: str
    size: Size
    device: str

    def __call__(self, index: int) -> Batch:
        source = torch.Generator().manual_seed(2 * index + (self.name == "retain"))
        ids = torch.randint(self.size.vocab, (self.size.batch, self.size.tokens), generator=source).to(self.device)
        mask = torch.ones_like(ids)
        targets = mask.clone()
        targets[:, 0] = 0
        return Batch(ids, mask, targets, None)


def topic_of(size: Size, device: str = "cpu") -> TopicBatches:
    """Return a topic of random batches. There is one: with two, the retain batches would be shared, to our advantage."""
    return TopicBatches("topic", RandomBatches("forget", size, device), RandomBatches("retain", size, device))


def recipe_of(kind: str, nu: float, steps: int, size: Size) -> UnlearningConfig:
    """Return RMU with noise in its target, or NPO with KL and noise that travels to the logits."""
    method, retain = (RMU(LAYER, COEFFICIENT), HiddenMSE()) if kind == "rm" else (NPO(BETA, Reduction.token_mean), KL())
    train = Train(
        steps=steps,
        lr=RATE[kind],
        batch_size=size.batch,
        max_tokens=size.tokens,
        retain_max_tokens=size.tokens,
        retain_weight=WEIGHT[kind],
        parameters=TRAINED,
        padding=Padding.masked,
        micro_batches=1,
        gradient_checkpointing=False,
    )
    return UnlearningConfig(method, retain, RNA(nu, Unit.absolute, LAYER), train, OPTIMIZER, {}, SEED)


class Stopwatch:
    """A `Watch` that takes the seconds of each step; `between` is called after each, its time not counted."""

    def __init__(self, between: Callable[[int], None] = lambda step: None, device: str = "cpu") -> None:
        self.seconds: list[float] = []
        self._between, self._device, self._since = between, device, 0.0

    def __call__(self, step: int) -> None:
        """Look after `step` updates; 0 is before the first."""
        if step:
            self.seconds.append(now(self._device) - self._since)
            with torch.enable_grad():  # the loop looks without
                self._between(step - 1)
        self._since = now(self._device)


def run_ours(
    policy: Policy,
    topic: TopicBatches,
    recipe: UnlearningConfig,
    watch: Callable[[int], None] = lambda step: None,
    store: Store = NULL_STORE,
) -> list[Losses]:
    """Unlearn with the real loop, and return its losses."""
    made = unlearn(policy, [topic], recipe, watch, lambda loss: None, store).losses
    return [(math.nan if loss.forget is None else loss.forget, math.nan if loss.retain is None else loss.retain) for loss in made]


def now(device: str) -> float:
    """Return the time in seconds, when all that was asked of the device is done."""
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


def disagreement(ours: Sequence[Losses], naive: Sequence[Losses]) -> float:
    """Return the largest relative difference of two losses of one step, of forget and retain losses alike."""
    pairs = [pair for step in zip(ours, naive, strict=True) for pair in zip(*step, strict=True)]
    differences = [abs(a - b) / max(abs(b), 1e-12) for a, b in pairs]
    return max(math.inf if math.isnan(difference) else difference for difference in differences)


def verdict(difference: float, bound: float = 1e-4) -> str:
    """Return the difference in words."""
    return f"losses {'agree' if difference <= bound else 'DISAGREE'} (largest relative difference {difference:.1e})"
