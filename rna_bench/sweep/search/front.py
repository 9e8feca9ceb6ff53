"""The front of a search: the settings that none beats in one objective without losing in another, as text and CSV."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas
from optuna.trial import FrozenTrial, TrialState

from rna_bench.core import files
from rna_bench.sweep.search.request import Request
from rna_bench.sweep.search.study import latest

CAUTION = "The best of many by one seed's questions: run a setting with fresh seeds before you believe it."


def write_front(request: Request, front: Sequence[FrozenTrial], trials: Sequence[FrozenTrial]) -> str:
    """Write front.csv and front.md to the search's folder, each whole or not at all, and return the text."""
    frame = pandas.DataFrame([_row(request, trial) for trial in front], columns=_columns(request))
    shown = frame.assign(**{name: frame[name].map(_short) for name in request.space})
    shown = shown.assign(**{name: frame[name].map("{:.1f}".format) for name in request.objectives})
    table = shown.to_markdown(index=False, disable_numparse=True) if len(frame) else "Nothing is on the front yet."
    text = f"{_head(request, trials)}\n\n{table}\n\n{CAUTION}\n"
    texts = {"front.csv": frame.to_csv(index=False), "front.md": text}
    for name, content in texts.items():
        files.keep(request.folder / name, lambda path, content=content: path.write_text(content), request.base.results_dir)
    return text


def standing(request: Request, trials: Sequence[FrozenTrial]) -> str:
    """Return how many settings came out how."""
    counts = Counter(_state(trial) for trial in latest(trials).values())
    return (
        ", ".join(f"{count} {state}" for state, count in counts.items()) + f" of {request.search.trials}" if counts else "none yet"
    )


def _head(request: Request, trials: Sequence[FrozenTrial]) -> str:
    wanted = ", ".join(f"{name} {'high' if objective.maximised else 'low'}" for name, objective in request.objectives.items())
    return f"Search {request.name}: {wanted}. Tried: {standing(request, trials)}."


def _state(trial: FrozenTrial) -> str:
    if trial.state is TrialState.COMPLETE:
        return trial.user_attrs["unfit"] or "done"
    return "failed" if trial.state is TrialState.FAIL else "under way"


def _columns(request: Request) -> list[str]:
    return ["trial", *request.space, *request.objectives, "run"]


def _row(request: Request, trial: FrozenTrial) -> list[Any]:
    """Return a trial as it stands in the table: its place, its values and objectives, the identity of its run."""
    values = [trial.params[name] for name in request.space]
    return [trial.user_attrs["place"], *values, *trial.values, trial.user_attrs["identity"]]


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
