"""Training the pocket model from nothing: a small Llama that reads the world until it knows it."""

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rna_bench import seeds
from rna_bench.pocket.curriculum import QUIET_WEIGHT, Sample, sample
from rna_bench.pocket.text import ask
from rna_bench.pocket.tokenizer import make_tokenizer
from rna_bench.pocket.world import Domain, World
from rna_bench.prompt import prompt
from rna_bench.schema import LETTERS, InputError

MANIFEST = "manifest.json"
WARMUP, LAST_LR = 100, 0.05


@dataclass(frozen=True)
class Recipe:
    """The pocket model's size, and how it is trained: AdamW (betas .9, .98, decay .01), clipping at 1, warm-up, cosine."""

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
                raise InputError(f"model.recipe.{key}", value, "give a number above 0")
        if self.hidden_size % (2 * self.heads):
            raise InputError("model.recipe.hidden_size", self.hidden_size, f"must be a multiple of twice the {self.heads} heads")


def pretrain(world: World, recipe: Recipe, folder: Path) -> None:
    """Train, and save model, tokenizer and manifest in the folder: a Hugging Face checkpoint like any other."""
    started = time.perf_counter()
    torch.set_num_threads(1)
    tokenizer = make_tokenizer(world)
    torch.manual_seed(recipe.seed)  # Llama draws its first weights from the global generator
    model = LlamaForCausalLM(_architecture(recipe, len(tokenizer)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _lr_factor(step, recipe.steps))
    random = seeds.random(recipe.seed, "pretrain", world.seed)
    letters = torch.tensor(tokenizer.convert_tokens_to_ids(list(LETTERS)))
    curve: list[dict[str, float]] = []
    with tqdm(total=recipe.steps, desc=f"pocket world {world.seed}", unit=" steps", disable=None) as bar:
        for step in range(recipe.steps):
            texts = [sample(world, step / recipe.steps, random) for _ in range(recipe.batch_size)]
            optimizer.zero_grad()
            loss = _backward(model, tokenizer, texts, letters)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            bar.update()
            if (step + 1) % max(1, recipe.steps // 25) == 0:
                curve.append({"step": step + 1, "loss": round(loss, 4), **accuracies(model, tokenizer, world, step)})
                bar.set_postfix(curve[-1])
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    manifest = {
        "world": world.seed,
        "world_fingerprint": world.fingerprint,
        "recipe": asdict(recipe),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "accuracy": accuracies(model, tokenizer, world, recipe.steps),
        "curve": curve,
        "torch": torch.__version__,
        "seconds": round(time.perf_counter() - started),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def _architecture(recipe: Recipe, vocabulary: int) -> LlamaConfig:
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


def _lr_factor(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / WARMUP)
    return warm * (LAST_LR + (1 - LAST_LR) * 0.5 * (1 + math.cos(math.pi * step / steps)))


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
