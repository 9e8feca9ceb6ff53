"""The shell command that goes on with a sweep."""

import shlex
from pathlib import Path

from rna_bench.sweep.plan import SweepPlan


def command_line(plan: SweepPlan) -> str:
    """Return the command that goes on with the sweep, quoted for a shell: the one that started it, in the folder it was given in.

    A results folder that was moved is named in it.
    """
    words = list(plan.command)
    if plan.planned_in:
        words = [word for word in words if not word.startswith("results_dir=")] + [f"results_dir={plan.results_dir.absolute()}"]
    elsewhere = plan.directory and Path(plan.directory).resolve() != Path.cwd()
    return (f"cd {shlex.quote(plan.directory)} && " if elsewhere else "") + shlex.join(["rna-bench", *words])
