"""Training the pocket model from nothing: a small Llama that reads the world until it knows it."""

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rna_bench.core import seeds
from rna_bench.core.log import progress_bar
from rna_bench.core.types import LETTERS, InputError
from rna_bench.data.prompts import prompt
from rna_bench.pocket.curriculum import MAIN, PREPARATION, QUIET_WEIGHT, Maker, Sample, Shares, Stage, sample
from rna_bench.pocket.text import ask
from rna_bench.pocket.tokenizer import make_tokenizer
from rna_bench.pocket.world import Domain, World

MANIFEST = "manifest.json"
WARMUP, LAST_LR = 100, 0.05
TEST_EVERY, MOST_PREPARATION = 25, 3000


@dataclass(frozen=True)
class PretrainingConfig:
    """The pocket model's size, and how it is trained: AdamW (betas .9, .98, decay .01), clipping at 1, warm-up, cosine."""

    layers: int
    hidden_size: int
    intermediate_size: int
    heads: int
    steps: int
    batch_size: int
    lr: float
    seed: int

    def check(self) -> None:
        """Raise InputError for a size that cannot be."""
        for key, value in asdict(self).items():
            if value <= 0 and key != "seed":
                raise InputError(f"model.{key}", value, "give a number above 0")
        if self.hidden_size % (2 * self.heads):
            raise InputError("model.hidden_size", self.hidden_size, f"must be a multiple of twice the {self.heads} heads")


def pretrain(world: World, recipe: PretrainingConfig, folder: Path) -> None:
    """Train, and save model, tokenizer and manifest in the folder: a Hugging Face checkpoint like any other."""
    started = time.perf_counter()
    torch.set_num_threads(1)
    tokenizer = make_tokenizer(world)
    torch.manual_seed(recipe.seed)  # Llama draws its first weights from the global generator
    pupil = Pupil(LlamaForCausalLM(_architecture(recipe, len(tokenizer))), tokenizer, world, recipe)
    prepared = [pupil.prepare(stage) for stage in PREPARATION]
    curve = pupil.study()
    pupil.model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    manifest = {
        "world": world.seed,
        "world_fingerprint": world.fingerprint,
        "recipe": asdict(recipe),
        "parameters": sum(parameter.numel() for parameter in pupil.model.parameters()),
        "accuracy": accuracies(pupil.model, tokenizer, world, recipe.steps),
        "preparation_steps": prepared,
        "curve": curve,
        "torch": torch.__version__,
        "seconds": round(time.perf_counter() - started),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


class Pupil:
    """The model in training: it prepares at a constant learning rate, then studies while the rate falls by a cosine."""

    def __init__(
        self, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, world: World, recipe: PretrainingConfig
    ) -> None:
        self.model, self.tokenizer, self.world, self.recipe = model, tokenizer, world, recipe
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, betas=(0.9, 0.98), weight_decay=0.01)
        self.random = seeds.random(recipe.seed, "pretrain", world.seed)
        self.letters = torch.tensor(tokenizer.convert_tokens_to_ids(list(LETTERS)))
        self.steps = 0

    def prepare(self, stage: Stage) -> int:
        """Train on the stage's texts until its test is mastered, and return how many steps it took."""
        name = stage.test.__name__
        with progress_bar(f"pocket world {self.world.seed}: {name}", "steps") as bar:
            for step in range(1, MOST_PREPARATION + 1):
                self._step(stage.shares, self.recipe.lr * min(1.0, (self.steps + 1) / WARMUP))
                bar.update()
                if step % TEST_EVERY == 0:
                    mastered = self._mastery(stage.test)
                    bar.set_postfix(mastery=mastered)
                    if mastered >= stage.mastery:
                        return step
        remedy = "another seed, a lower model.lr or a larger model.batch_size may do"
        raise InputError("model.seed", self.recipe.seed, f"{name} was not mastered in {MOST_PREPARATION} steps; {remedy}")

    def study(self) -> list[dict[str, float]]:
        """Train on the world for the recipe's steps, and return accuracy along the way."""
        steps, curve = self.recipe.steps, []
        with progress_bar(f"pocket world {self.world.seed}: study", "steps", steps) as bar:
            for step in range(steps):
                cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
                loss = self._step(MAIN, self.recipe.lr * (LAST_LR + (1 - LAST_LR) * cosine))
                bar.update()
                if (step + 1) % max(1, steps // 20) == 0:
                    found = accuracies(self.model, self.tokenizer, self.world, step)
                    curve.append({"step": step + 1, "loss": round(loss, 4), **found})
                    bar.set_postfix(curve[-1])
        return curve

    def _step(self, shares: Shares, lr: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        texts = [sample(self.world, shares, self.random) for _ in range(self.recipe.batch_size)]
        self.optimizer.zero_grad()
        loss = _backward(self.model, self.tokenizer, texts, self.letters)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.steps += 1
        return loss

    @torch.no_grad()
    def _mastery(self, test: Maker) -> float:
        """Return the accuracy on what can be foretold in fresh texts of a kind."""
        random = seeds.random(self.steps, "mastery")
        texts = [test(self.world, random) for _ in range(200)]
        ids, weights = _weighted(list(zip(self.tokenizer([t.text for t in texts])["input_ids"], texts, strict=True)), self.letters)
        right = self.model(input_ids=ids, use_cache=False).logits[:, :-1].argmax(dim=-1) == ids[:, 1:]
        return round(right[weights[:, 1:] == 1].float().mean().item(), 3)


def _architecture(recipe: PretrainingConfig, vocabulary: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=recipe.hidden_size,
        intermediate_size=recipe.intermediate_size,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )


def _backward(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, texts: list[Sample], letters: Tensor) -> float:
    """Add the gradient of the weighted mean loss, and return the loss. Short and long texts go apart, to pad less."""
    rows = sorted(zip(tokenizer([text.text for text in texts])["input_ids"], texts, strict=True), key=lambda row: len(row[0]))
    halves = [rows[: len(rows) // 2], rows[len(rows) // 2 :]]
    batches = [_weighted(half, letters) for half in halves if half]
    total = sum(weights[:, 1:].sum() for _, weights in batches)
    value = 0.0
    for ids, weights in batches:
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
        losses = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        loss = (losses * weights[:, 1:].flatten()).sum() / total
        loss.backward()
        value += loss.item()
    return value


def _weighted(rows: list[tuple[list[int], Sample]], letters: Tensor) -> tuple[Tensor, Tensor]:
    """Return token ids (b, t) and the loss weight of each (b, t), 0 for padding."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in rows])
    weights = torch.zeros(ids.shape)
    for row, (tokens, text) in zip(weights, rows, strict=True):
        quiet = text.quiet if text.quiet >= 0 else len(tokens) + text.quiet
        row[:quiet] = QUIET_WEIGHT
        row[quiet : len(tokens)] = text.weight
    letter_weights = torch.tensor([[text.letter_weight] for _, text in rows])
    return ids, torch.where(torch.isin(ids, letters), letter_weights, weights)


@torch.no_grad()
def accuracies(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, world: World, draw: int) -> dict[str, float]:
    """Return accuracy on one fresh question a fact, of the hazards and of the harmless subjects."""
    letters = tokenizer.convert_tokens_to_ids(list(LETTERS))

    def accuracy(domains: tuple[Domain, ...]) -> float:
        random = seeds.random(draw, "accuracy", world.seed)
        asked = [ask(domain, fact, random) for domain in domains for fact in domain.facts]
        batch = tokenizer([prompt(question) for question in asked], padding=True, return_tensors="pt")
        last = batch["attention_mask"].sum(dim=1) - 1
        logits = model(input_ids=batch["input_ids"], use_cache=False).logits[torch.arange(len(asked)), last][:, letters]
        right = logits.argmax(dim=-1) == torch.tensor([question.answer for question in asked])
        return round(right.float().mean().item(), 4)

    return {"hazards": accuracy(world.hazards), "subjects": accuracy(world.subjects)}
