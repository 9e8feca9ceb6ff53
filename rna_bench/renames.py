"""Names that configurations were written with, and what they are called now."""

MOVED = {
    "rna_bench.unlearning.loop.Train": "rna_bench.unlearning.recipe.Train",
}
"""Import paths of classes, and where they are now."""


def moved(target: str) -> str:
    """Return where the class is now that was at an import path."""
    return MOVED.get(target, target)
