"""How many tokens triggers and their controls have by the model's tokenizer."""

from pathlib import Path
from statistics import median

from rna_bench.core.perturbed import TriggerPool
from rna_bench.doctor.access import CheckStatus, Finding
from rna_bench.experiment.config import ExperimentConfig

TOKENIZER = "tokenizer.json"
FAR = 1
"""Tokens by which the medians may differ without a remark."""


def trigger_tokens(plan: ExperimentConfig) -> list[Finding]:
    """Return a line with the tokens of trigger words and of controls; nothing without triggers, or if the model is not there."""
    folder = None if plan.model.missing() or plan.model.to_train else plan.model.folder().folder
    pool = plan.trigger.pool(plan.seed) if plan.trigger.types else None
    if not pool or not pool.forget_words or not folder or not (folder / TOKENIZER).is_file():
        return []
    words, controls = _counts(folder, pool)
    message = f"tokens: {_range(words)}, of controls {_range(controls)}"
    if abs(median(words) - median(controls)) > FAR:
        message += f"; their medians differ by more than {FAR}: a drop beyond the control's may come from that"
    return [Finding("trigger", CheckStatus.ok, message)]


def _counts(folder: Path, pool: TriggerPool) -> tuple[list[int], list[int]]:
    """Return the numbers of tokens of each trigger word and each control, as they stand within a sentence."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    harmless = {word: None for words in pool.harmless_words.values() for word in words}

    def count(text: str) -> int:
        return len(tokenizer.encode(text, add_special_tokens=False).ids)

    words, controls = ([count(f"a {word}") - count("a") for word in each] for each in (pool.forget_words, harmless))
    return words, controls


def _range(counts: list[int]) -> str:
    least, most = min(counts), max(counts)
    return f"{least}" if least == most else f"{least} to {most} (median {median(counts):g})"
