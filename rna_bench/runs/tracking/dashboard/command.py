"""`rna-bench dashboard`: create the workspace and report, or describe what would be created."""

from collections.abc import Sequence
from importlib.util import find_spec

from rna_bench.core.types import InputError
from rna_bench.runs.tracking.wandb_tracker import has_key


def create_dashboard(entity: str, project: str, methods: Sequence[str], *, dry: bool) -> str:
    """Return what was created, with addresses; or, if `dry` or without a key, what would be created, validated and not sent."""
    if find_spec("wandb_workspaces") is None:
        raise InputError("dashboard", project, "needs wandb-workspaces; say: pip install 'rna_bench[dashboard]'")
    from rna_bench.runs.tracking.dashboard.specification import dashboard_text, make_dashboard, specifications

    dashboard = make_dashboard(entity, project, methods)
    specifications(dashboard)  # validates them
    text = dashboard_text(dashboard)
    if dry or not has_key():
        why = "--dry-run" if dry else "no key: set WANDB_API_KEY or say `wandb login`"
        return f"{text}\nnothing was sent ({why}); the specification is valid"
    return f"{text}\n{dashboard.workspace.save().url}\n{dashboard.report.save().url}"
