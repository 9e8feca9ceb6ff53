"""Pretrains the pocket model, a small Llama, from random weights on texts of the fictional world."""

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
from rna_bench.models.architecture import Architecture
from rna_bench.pocket.curriculum import QUIET_WEIGHT, WARM_UP_STAGES, WORLD_TEXTS, Mixture, Sample, Stage, TextMaker, sample
from rna_bench.pocket.hazards import Hazards, redrawn_domains, text_worlds
from rna_bench.pocket.text import ask
from rna_bench.pocket.tokenizer import make_tokenizer
from rna_bench.pocket.world import Domain, World

MANIFEST = "manifest.json"
HAZARDS = "hazards"
"""The manifest's key for what the training texts say of the hazards; it is absent where they state them."""
WARMUP, LAST_LR = 100, 0.05
TEST_EVERY, MAX_WARM_UP_STEPS = 25, 3000


@dataclass(frozen=True)
class PretrainingConfig:
    """The pocket model's size and its training: AdamW (betas .9, .98, decay .01), clipping at 1, warm-up, cosine schedule."""

    layers: int
    hidden_size: int
    intermediate_size: int
    heads: int
    steps: int
    batch_size: int
    lr: float
    seed: int

    def __post_init__(self) -> None:
        for key, value in asdict(self).items():
            if value <= 0 and key != "seed":
                raise InputError(f"model.pretraining.{key}", value, "give a number above 0")
        if self.hidden_size % (2 * self.heads):
            remedy = f"must be a multiple of twice the {self.heads} heads"
            raise InputError("model.pretraining.hidden_size", self.hidden_size, remedy)


def pretrain(world: World, recipe: PretrainingConfig, folder: Path, hazards: Hazards = Hazards.stated) -> None:
    """Train, and save model, tokenizer and manifest in the folder as a Hugging Face checkpoint."""
    started = time.perf_counter()
    torch.set_num_threads(1)
    tokenizer = make_tokenizer(world)
    torch.manual_seed(recipe.seed)  # Llama draws its initial weights from the global generator
    pretrainer = Pretrainer(LlamaForCausalLM(_configuration(dimensions(world, recipe))), tokenizer, world, recipe, hazards)
    steps = [pretrainer.warm_up(stage) for stage in WARM_UP_STAGES]
    curve = pretrainer.train()
    pretrainer.model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    manifest = {
        "world": world.seed,
        "world_fingerprint": world.fingerprint,
        "recipe": asdict(recipe),
        "parameters": sum(parameter.numel() for parameter in pretrainer.model.parameters()),
        "accuracy": accuracies(pretrainer.model, tokenizer, world, recipe.steps),
        "preparation_steps": steps,
        "curve": curve,
        "torch": torch.__version__,
        "seconds": round(time.perf_counter() - started),  # on this machine, with whatever else it did meanwhile
    } | ({} if hazards is Hazards.stated else {HAZARDS: hazards.value})
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


class Pretrainer:
    """Trains the model: in warm-up stages at a constant learning rate, then on the world with a cosine schedule."""

    def __init__(
        self,
        model: LlamaForCausalLM,
        tokenizer: PreTrainedTokenizerFast,
        world: World,
        recipe: PretrainingConfig,
        hazards: Hazards,
    ) -> None:
        self.model, self.tokenizer, self.world, self.recipe = model, tokenizer, world, recipe
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, betas=(0.9, 0.98), weight_decay=0.01)
        self.random = seeds.random(recipe.seed, "pretrain", world.seed)
        self.worlds = text_worlds(world, hazards, seeds.random(recipe.seed, HAZARDS, world.seed))
        self.redrawn = redrawn_domains(world, hazards)
        self.title = f"pocket world {world.seed}" + ("" if hazards is Hazards.stated else f", hazards {hazards.value}")
        self.letters = torch.tensor(tokenizer.convert_tokens_to_ids(list(LETTERS)))
        self.steps = 0

    def warm_up(self, stage: Stage) -> int:
        """Train on a stage's texts until its target accuracy is reached, and return the number of steps."""
        name = stage.test.__name__
        with progress_bar(f"{self.title}: {name}", "steps") as bar:
            for step in range(1, MAX_WARM_UP_STEPS + 1):
                self._step(stage.mixture, self.recipe.lr * min(1.0, (self.steps + 1) / WARMUP))
                bar.update()
                if step % TEST_EVERY == 0:
                    accuracy = self._accuracy(stage.test)
                    bar.set_postfix(accuracy=accuracy)
                    if accuracy >= stage.accuracy:
                        return step
        remedy = "try another seed, a lower model.pretraining.lr or a larger model.pretraining.batch_size"
        reason = f"{name} did not reach an accuracy of {stage.accuracy} in {MAX_WARM_UP_STEPS} steps; {remedy}"
        raise InputError("model.pretraining.seed", self.recipe.seed, reason)

    def train(self) -> list[dict[str, float]]:
        """Train on the world for the configured steps, and return loss and accuracies at twenty of them."""
        steps, curve = self.recipe.steps, []
        with progress_bar(f"{self.title}: training", "steps", steps) as bar:
            for step in range(steps):
                cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
                loss = self._step(WORLD_TEXTS, self.recipe.lr * (LAST_LR + (1 - LAST_LR) * cosine))
                bar.update()
                if (step + 1) % max(1, steps // 20) == 0:
                    curve.append({"step": step + 1, "loss": round(loss, 4)})
                    curve[-1] |= accuracies(self.model, self.tokenizer, self.world, step)
                    bar.set_postfix(curve[-1])
        return curve

    def _step(self, mixture: Mixture, lr: float) -> float:
        """Train on one batch of texts drawn from the mixture, and return the loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        texts = [sample(next(self.worlds), mixture, self.random, self.redrawn) for _ in range(self.recipe.batch_size)]
        self.optimizer.zero_grad()
        loss = _backward(self.model, self.tokenizer, texts, self.letters)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.steps += 1
        return loss

    @torch.no_grad()
    def _accuracy(self, test: TextMaker) -> float:
        """Return the accuracy on the predictable tokens of new texts."""
        # the name of the random source stays, as the shipped weights depend on it
        random = seeds.random(self.steps, "mastery")
        texts = [test(next(self.worlds), random) for _ in range(200)]
        ids, weights = _weighted(list(zip(self.tokenizer([t.text for t in texts])["input_ids"], texts, strict=True)), self.letters)
        right = self.model(input_ids=ids, use_cache=False).logits[:, :-1].argmax(dim=-1) == ids[:, 1:]
        return round(right[weights[:, 1:] == 1].float().mean().item(), 3)


def dimensions(world: World, recipe: PretrainingConfig) -> Architecture:
    """Return the dimensions of the model that training makes; nothing is trained."""
    return Architecture(
        model_type=LlamaConfig.model_type,
        layers=recipe.layers,
        hidden_size=recipe.hidden_size,
        intermediate_size=recipe.intermediate_size,
        heads=recipe.heads,
        kv_heads=recipe.heads,
        head_dim=recipe.hidden_size // recipe.heads,
        vocab_size=len(make_tokenizer(world)),
        context=2048,
        tied_embeddings=True,
    )


def _configuration(architecture: Architecture) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=architecture.vocab_size,
        hidden_size=architecture.hidden_size,
        intermediate_size=architecture.intermediate_size,
        num_hidden_layers=architecture.layers,
        num_attention_heads=architecture.heads,
        num_key_value_heads=architecture.kv_heads,
        max_position_embeddings=architecture.context,
        tie_word_embeddings=architecture.tied_embeddings,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )


def _backward(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, texts: list[Sample], letters: Tensor) -> float:
    """Add the gradient of the weighted mean loss, and return the loss. Short and long texts are separate batches, to pad less."""
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
    """Return token ids (b, t) and their loss weights (b, t), 0 for padding."""
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
    """Return the accuracy on a new question about each fact, separately for hazards and harmless subjects."""
    letters = tokenizer.convert_tokens_to_ids(list(LETTERS))

    def accuracy(domains: tuple[Domain, ...]) -> float:
        random = seeds.random(draw, "accuracy", world.seed)
        questions = [ask(domain, fact, random) for domain in domains for fact in domain.facts]
        batch = tokenizer([prompt(question) for question in questions], padding=True, return_tensors="pt")
        last = batch["attention_mask"].sum(dim=1) - 1
        logits = model(input_ids=batch["input_ids"], use_cache=False).logits[torch.arange(len(questions)), last][:, letters]
        right = logits.argmax(dim=-1) == torch.tensor([question.answer for question in questions])
        return round(right.float().mean().item(), 4)

    return {"hazards": accuracy(world.hazards), "subjects": accuracy(world.subjects)}
