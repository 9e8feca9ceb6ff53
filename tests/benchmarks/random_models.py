"""Folders with models of real architectures and random weights, written shard by shard; and text and questions for them.

Nothing of a world or a hub is in the weights: such a model answers at chance. It shows what a run takes, in time and memory.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import ByteLevelBPETokenizer
from torch import Tensor
from transformers import AutoModelForCausalLM, GPTNeoXConfig, MistralConfig, PreTrainedConfig, PreTrainedTokenizerFast

from rna_bench.core.types import LETTERS, Question
from rna_bench.pocket.sources import PocketCorpus, PocketQuestions
from tests.benchmarks.common import SEED

SHORTEST_TEXT = 9000
"""Characters of a text: more than 768 tokens, the longest that a preset takes."""


def zephyr(layers: int = 32) -> MistralConfig:
    """Return Zephyr-7B's dimensions, with as many layers."""
    return MistralConfig(
        num_hidden_layers=layers,
        hidden_size=4096,
        intermediate_size=14336,
        num_attention_heads=32,
        num_key_value_heads=8,
        vocab_size=32000,
        max_position_embeddings=32768,
        sliding_window=4096,
        tie_word_embeddings=False,
    )


def pythia(layers: int = 32) -> GPTNeoXConfig:
    """Return the dimensions of Deep Ignorance 6.9B, those of Pythia-6.9B but for the vocabulary, with as many layers."""
    return GPTNeoXConfig(
        num_hidden_layers=layers,
        hidden_size=4096,
        intermediate_size=16384,
        num_attention_heads=32,
        vocab_size=50304,
        max_position_embeddings=2048,
        rotary_pct=0.25,
        use_parallel_residual=True,
        tie_word_embeddings=False,
    )


def write_model(folder: Path, config: PreTrainedConfig, texts: Iterable[str], device: str = "cpu") -> None:
    """Write a model in bf16, a shard for each layer, and a tokenizer trained on `texts`; no more than a shard is in memory."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in AutoModelForCausalLM.from_config(config).state_dict().items()}
    config.dtype = torch.bfloat16
    shards: dict[str, list[str]] = defaultdict(list)
    for name in shapes:
        shards[".".join(name.split(".")[:3]) if ".layers." in name else "rest"].append(name)
    source = torch.Generator(device).manual_seed(SEED)
    where: dict[str, str] = {}
    for number, names in enumerate(shards.values(), 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        save_file({name: _drawn(name, shapes[name], source) for name in names}, folder / file, {"format": "pt"})
        where |= dict.fromkeys(names, file)
    total = 2 * sum(shape.numel() for shape in shapes.values())
    index = {"metadata": {"total_size": total}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    config.save_pretrained(folder)
    _tokenizer(texts, config.vocab_size).save_pretrained(folder)


def _drawn(name: str, shape: torch.Size, source: torch.Generator) -> Tensor:
    """Return a matrix of standard deviation 0.02, a norm's ones, or zeros in place of a bias."""
    if len(shape) == 1:
        return torch.full(shape, float(name.endswith("weight")), dtype=torch.bfloat16)
    return torch.empty(shape, dtype=torch.bfloat16, device=source.device).normal_(0, 0.02, generator=source).cpu()


def _tokenizer(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    trained, letters = ByteLevelBPETokenizer(), [f"Answer: {letter}" for letter in LETTERS]
    trained.train_from_iterator([*texts, *letters * 2], vocab_size=size, special_tokens=["<s>", "</s>"], show_progress=False)
    return PreTrainedTokenizerFast(tokenizer_object=trained._tokenizer, eos_token="</s>", pad_token="</s>")


def write_texts(folder: Path, count: int = 16) -> tuple[list[str], list[Path]]:
    """Write long texts of pocket world 0, forget texts of both topics and retain texts, as JSON lines; return texts and files."""
    corpus = PocketCorpus(world=0, texts=200 * count, stray_share=0.3, prose_share=0.5, question_share=0.0)
    bio, cyber = corpus.topics(SEED)
    texts, files = [], []
    for name, parts in (("bio", bio.forget), ("cyber", cyber.forget), ("retain", bio.retain)):
        joined = _long(" ".join(part) for part in parts)[:count]
        assert len(joined) == count
        files.append(folder / f"{name}.jsonl")
        files[-1].write_text("".join(json.dumps({"text": text}) + "\n" for text in joined))
        texts += joined
    return texts, files


def _long(parts: Iterable[str]) -> list[str]:
    texts = [""]
    for part in parts:
        texts[-1] += part
        if len(texts[-1]) >= SHORTEST_TEXT:
            texts.append("")
    return texts[:-1]


def write_questions(folder: Path, count: int) -> tuple[Path, Path]:
    """Write `count` questions to be forgotten and as many to be retained as JSON lines, and return the files."""
    files = []
    for role, hazard in (("forget", 1), ("retain", 0)):
        files.append(folder / f"{role}_questions.jsonl")
        asked = PocketQuestions(role, world=0, hazard=hazard, limit=count).questions(SEED)
        files[-1].write_text("".join(json.dumps(_row(question)) + "\n" for question in asked))
    return files[0], files[1]


def _row(question: Question) -> dict[str, object]:
    return {
        "question": question.stem,
        "subject": question.subject,
        "choices": list(question.choices),
        "answer": question.answer,
    }
