"""The status of a sweep as text: counts, each run with its phase and reason, the time left, and warnings."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from statistics import fmean

from rna_bench.core.terminal import wrapped
from rna_bench.sweep.command import command_line
from rna_bench.sweep.plan import RECORDED, RunPhase, RunState, SweepPlan, run_states


def sweep_status(plan: SweepPlan) -> str:
    """Return the sweep's status as text."""
    states = run_states(plan)
    lines = [_line(one) for one in states]
    return "\n".join([_head(plan, states), *lines, *_remaining(states), *_warnings(plan, states), _command(plan, states)])


def _line(one: RunState) -> str:
    """Return what is known of a run: phase, identity and label, then seconds and reason, in lines that fit the terminal."""
    begun = f"  {one.phase.value:<11} {one.run.identity or '-':<16}  "
    return (
        wrapped(f"{one.run.label}{_more(one)}".strip(), begun, " " * len(begun)) if one.run.label or _more(one) else begun.rstrip()
    )


def sweep_list(plans: Sequence[SweepPlan]) -> str:
    """Return what is done of each sweep, with the command that goes on with it, as text."""
    lines: list[str] = []
    for plan in plans:
        states = run_states(plan)
        lines += [_head(plan, states), f"  {_command(plan, states)}"]
    return "\n".join(lines)


def _head(plan: SweepPlan, states: Sequence[RunState]) -> str:
    return f"sweep {plan.name}: {phase_counts(states)} of {len(states)}, in {plan.results_dir}; started {plan.created}"


def _command(plan: SweepPlan, states: Sequence[RunState]) -> str:
    """Return a line with the command that goes on with the sweep, or that made it if nothing is left."""
    complete = all(one.phase in RECORDED for one in states)
    return f"{'made by' if complete else 'go on with'}: {command_line(plan)}"


def phase_counts(states: Sequence[RunState]) -> str:
    """Return how many runs are in which phase, in words."""
    counts = Counter(one.phase for one in states)
    return ", ".join(f"{counts[phase]} {phase.value}" for phase in RunPhase if counts[phase]) or "nothing"


def time_left(seconds: Sequence[float], waiting: int, at_once: int) -> str:
    """Return how long `waiting` runs take, from the seconds of finished runs and how many run at once."""
    return f"about {timedelta(seconds=round(fmean(seconds) * waiting / max(1, at_once)))}"


def _more(one: RunState) -> str:
    spent = f"  {one.seconds:.0f} s" if one.seconds is not None else ""
    return f"{spent}: {one.why}" if one.why else spent


def _remaining(states: Sequence[RunState]) -> list[str]:
    """Return a line with the time left, by the mean of the recorded runs and how many run at once now."""
    waiting = sum(one.phase not in RECORDED and not one.run.problem for one in states)
    seconds = [one.seconds for one in states if one.seconds is not None]
    if not waiting:
        return []
    if not seconds:
        return ["time left: not known before a run is recorded"]
    at_once = sum(one.phase is RunPhase.running for one in states)
    how = f"{at_once} at once" if at_once else "one after the other; nothing is running"
    return [f"time left: {time_left(seconds, waiting, at_once)} for {waiting} runs, {how}"]


def _warnings(plan: SweepPlan, states: Sequence[RunState]) -> list[str]:
    """Return warnings about records of several code revisions or of uncommitted code, and where tracebacks are."""
    revisions = Counter(one.revision or "unknown" for one in states if one.phase in RECORDED)
    lines: list[str] = []
    if len(revisions) > 1:
        shown = ", ".join(f"{_short(revision)} ({n})" for revision, n in sorted(revisions.items()))
        lines.append(f"warning: records of several code revisions: {shown}; compare them with care, or remove some and run again")
    elif any(revision.endswith("+") for revision in revisions):
        lines.append("warning: the code had uncommitted changes when these records were made")
    if any(one.phase in (RunPhase.failed, RunPhase.interrupted) for one in states):
        lines.append(f"tracebacks are in {plan.results_dir}/RUN/traceback.txt")
    return lines


def _short(revision: str) -> str:
    return revision[:10] + ("+" if revision.endswith("+") else "")
