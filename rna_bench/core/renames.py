"""Names that configurations were written with, and what they are called now."""

MOVED = {
    "rna_bench.models.noise": "rna_bench.unlearning.noise",
    "rna_bench.unlearning.loop": "rna_bench.unlearning.config",
    "rna_bench.unlearning.recipe": "rna_bench.unlearning.config",
    "rna_bench.unlearning.retain": "rna_bench.unlearning.retain_losses",
    "rna_bench.unlearning.state": "rna_bench.unlearning.checkpoint",
    "rna_bench.data.topics": "rna_bench.data.hub_corpus",
    "rna_bench.search.request": "rna_bench.sweep.search.request",
    "rna_bench.search.objectives": "rna_bench.sweep.search.objectives",
}
"""Modules whose classes configurations name, and where those classes are now."""


def moved(target: str) -> str:
    """Return where the class is now that was at an import path."""
    module, _, name = target.rpartition(".")
    return f"{MOVED.get(module, module)}.{name}"
