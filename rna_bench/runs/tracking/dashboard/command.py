"""`rna-bench dashboard`: create it, or say what would be created."""

from collections.abc import Sequence
from importlib.util import find_spec

from rna_bench.core.types import InputError
from rna_bench.runs.tracking.wandb_tracker import has_key


def create(entity: str, project: str, methods: Sequence[str], *, dry: bool) -> str:
    """Return what was created, with addresses; or, dry or without a key, what would be, checked and not sent."""
    if find_spec("wandb_workspaces") is None:
        raise InputError("dashboard", project, "needs wandb-workspaces; say: pip install 'rna_bench[dashboard]'")
    from rna_bench.runs.tracking.dashboard.specification import dashboard, outline, specifications

    made = dashboard(entity, project, methods)
    specifications(made)
    said = outline(made)
    if dry or not has_key():
        why = "asked for" if dry else "no key: set WANDB_API_KEY or say `wandb login`"
        return f"{said}\nnothing was sent ({why}); the specification is valid"
    return f"{said}\n{made.workspace.save().url}\n{made.report.save().url}"
