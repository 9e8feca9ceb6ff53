"""How a sweep stands, as text: counts, each run with its state and reason, the time left, and what to beware of."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from statistics import fmean

from rna_bench.sweep.plan import RECORDED, RunState, State, SweepPlan, run_states


def status(plan: SweepPlan) -> str:
    """Return the sweep's status as text."""
    seen = run_states(plan)
    head = f"sweep {plan.name}: {counts(seen)} of {len(seen)}, in {plan.results_dir}; started {plan.created}"
    lines = [f"  {one.state.value:<11} {one.run.identity or '-':<16}  {one.run.label}{_more(one)}" for one in seen]
    return "\n".join([head, *lines, *_left(seen), *_beware(plan, seen)])


def counts(seen: Sequence[RunState]) -> str:
    """Return how many runs stand how, in words."""
    found = Counter(one.state for one in seen)
    return ", ".join(f"{found[state]} {state.value}" for state in State if found[state]) or "nothing"


def _more(one: RunState) -> str:
    spent = f"  {one.seconds:.0f} s" if one.seconds is not None else ""
    return f"{spent}: {one.why}" if one.why else spent


def _left(seen: Sequence[RunState]) -> list[str]:
    """Return how long the rest takes: the mean of the recorded runs, by how many run at once now."""
    waiting = sum(one.state not in RECORDED and not one.run.problem for one in seen)
    spent = [one.seconds for one in seen if one.seconds is not None]
    if not waiting:
        return []
    if not spent:
        return ["time left: not known before a run is recorded"]
    at_once = sum(one.state is State.running for one in seen)
    seconds = fmean(spent) * waiting / max(1, at_once)
    how = f"{at_once} at once" if at_once else "one after the other; nothing is running"
    return [f"time left: about {timedelta(seconds=round(seconds))} for {waiting} runs, {how}"]


def _beware(plan: SweepPlan, seen: Sequence[RunState]) -> list[str]:
    """Return warnings: records of several code revisions, or of a tree with changes that were not committed."""
    revisions = Counter(one.revision or "unknown" for one in seen if one.state in RECORDED)
    lines: list[str] = []
    if len(revisions) > 1:
        shown = ", ".join(f"{_short(revision)} ({n})" for revision, n in sorted(revisions.items()))
        lines.append(f"warning: records of several code revisions: {shown}; compare them with care, or remove some and run again")
    elif any(revision.endswith("+") for revision in revisions):
        lines.append("warning: the code had changes that were not committed when these records were made")
    if any(one.state in (State.failed, State.interrupted) for one in seen):
        lines.append(f"tracebacks lie in {plan.results_dir}/RUN/traceback.txt; `rna-bench sweep {plan.name}` tries again")
    return lines


def _short(revision: str) -> str:
    return revision[:10] + ("+" if revision.endswith("+") else "")
