"""The front of a search as text and CSV: its Pareto-optimal trials, which none beats in one objective without losing in another."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas
from optuna.trial import FrozenTrial, TrialState

from rna_bench.core import files
from rna_bench.sweep.search.plan import SearchPlan
from rna_bench.sweep.search.study import latest_trials

CAUTION = "The best of many by the questions of one seed: run a setting with fresh seeds before you trust it."


def write_front(plan: SearchPlan, front: Sequence[FrozenTrial], trials: Sequence[FrozenTrial]) -> str:
    """Write front.csv and front.md to the search's folder, each atomically, and return the text."""
    frame = pandas.DataFrame([_row(plan, trial) for trial in front], columns=_columns(plan))
    table = frame.assign(**{name: frame[name].map(_short) for name in plan.space})
    table = table.assign(**{name: frame[name].map("{:.1f}".format) for name in plan.objectives})
    shown = table.to_markdown(index=False, disable_numparse=True) if len(frame) else "Nothing is on the front yet."
    text = f"{_head(plan, trials)}\n\n{shown}\n\n{CAUTION}\n"
    texts = {"front.csv": frame.to_csv(index=False), "front.md": text}
    for name, content in texts.items():
        files.keep(plan.folder / name, lambda path, content=content: path.write_text(content), plan.base.results_dir)
    return text


def trial_counts(plan: SearchPlan, trials: Sequence[FrozenTrial]) -> str:
    """Return how many trials are done, failed or under way, in words."""
    counts = Counter(_state(trial) for trial in latest_trials(trials).values())
    shown = ", ".join(f"{count} {state}" for state, count in counts.items())
    return f"{shown} of {plan.search.trials}" if counts else "none yet"


def _head(plan: SearchPlan, trials: Sequence[FrozenTrial]) -> str:
    goals = ", ".join(f"{name} {'high' if objective.maximised else 'low'}" for name, objective in plan.objectives.items())
    return f"Search {plan.name}: {goals}. Tried: {trial_counts(plan, trials)}."


def _state(trial: FrozenTrial) -> str:
    if trial.state is TrialState.COMPLETE:
        return trial.user_attrs["unfit"] or "done"
    return "failed" if trial.state is TrialState.FAIL else "under way"


def _columns(plan: SearchPlan) -> list[str]:
    return ["trial", *plan.space, *plan.objectives, "run"]


def _row(plan: SearchPlan, trial: FrozenTrial) -> list[Any]:
    """Return a trial's row of the table: its place, its values and objectives, the identity of its run."""
    values = [trial.params[name] for name in plan.space]
    return [trial.user_attrs["place"], *values, *trial.values, trial.user_attrs["identity"]]


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
