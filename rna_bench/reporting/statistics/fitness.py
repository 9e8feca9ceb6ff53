"""Whether each method did what unlearning is for: forgets, and retains."""

import math
from collections.abc import Sequence
from typing import TypeAlias

from rna_bench.reporting.statistics.base_runs import base_command
from rna_bench.reporting.statistics.claim import Claim
from rna_bench.reporting.statistics.data_settings import asked
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import interval
from rna_bench.reporting.statistics.pairs import final_forget_loss_over_seeds, over_seeds, perplexity_over_seeds
from rna_bench.reporting.statistics.rules import FORGOTTEN
from rna_bench.reporting.statistics.scores import has_role, retain_accuracy, task_accuracy
from rna_bench.reporting.statistics.wording import group_name
from rna_bench.runs.identity import BASE, NO_BASE

Model: TypeAlias = tuple[str, str, str]
RETAINED = 10
"""The largest drop of retain accuracy below the base model's, in points, at which a model counts as having retained."""
FLUENT = 2
"""The largest perplexity on held-out text, of which the base model's is one, at which a model counts as having retained it."""
RULE = (
    f"at most {FORGOTTEN}% on each forget task, retain accuracy at least the base model's less {RETAINED} points, perplexity on "
    f"held-out text, where it was measured, at most {FLUENT} times the base model's"
)


def fitness(groups: Sequence[Group], folder: str) -> Claim | None:
    """Return whether all groups forget and retain, with a line for each that does not or cannot be judged; None without any."""
    scored = [group for group in groups if group.forgets and group.trigger_types]  # triggers imply retain questions
    bases = base_groups(groups)
    judged = [group for group in scored if group.unlearned]
    if not judged:
        return None
    lacking = _lacking([group for group in judged if model_of(group) not in bases], folder)
    failed = [line for group in judged for line in (*_not_forgotten(group, groups), *_not_retained(group, bases))]
    if lacking:
        start = "These do not forget, or do not retain" if failed else "Every method forgets"
        return _claim(f"{start} ({RULE}). Without a base run it cannot be told what is retained", [*lacking, *failed])
    if not failed:
        return _claim(f"Every method forgets and retains ({RULE})", [])
    return _claim(f"These do not forget, or do not retain ({RULE}); all others do both", failed)


def base_groups(groups: Sequence[Group]) -> dict[Model, Group]:
    """Return the runs of each base model that was asked retain questions, by `model_of`."""
    return {model_of(group): group for group in groups if _is_base(group)}


def retained(group: Group) -> float:
    """Return the mean accuracy on clean retain questions, in percent."""
    return over_seeds(group, retain_accuracy).mean


def forgets(group: Group) -> bool:
    """Return whether mean accuracy is at most `FORGOTTEN` percent on each forget task."""
    return all(interval(values).mean <= FORGOTTEN for values in _forget_accuracies(group).values())


def _claim(title: str, evidence: Sequence[str]) -> Claim:
    return Claim("0", title, "", (), tuple(evidence))


def _is_base(group: Group) -> bool:
    return not group.unlearned and all(has_role(run.scores, "retain") for run in group.runs.values())


def model_of(group: Group) -> Model:
    """Return what a group shares with its base runs: the model, its dtype, and which questions where groups have other ones."""
    return group.model, group.dtype, asked(group.flat)


def _lacking(groups: Sequence[Group], folder: str) -> list[str]:
    """Return a line for each model without a base run, with the command that makes it."""
    by_model: dict[Model, list[Group]] = {}
    for group in groups:
        by_model.setdefault(model_of(group), []).append(group)
    return [
        f"{model}, {dtype}: **no base run** in these records. {_remedy(own, folder)}" for (model, dtype, _), own in by_model.items()
    ]


def _remedy(groups: Sequence[Group], folder: str) -> str:
    """Return how to make the base run of these groups; of a checkpoint with `base=none` it is not known what its base is."""
    records = [run for group in groups for run in group.runs.values()]
    if all(record.config.get(BASE) == NO_BASE for record in records):
        return "The checkpoint was scored with base=none; base=FOLDER scores it beside the model that it was made from."
    return f"This makes it:\n`{base_command(records, folder)}`"


def _not_forgotten(group: Group, groups: Sequence[Group]) -> list[str]:
    delay = _delay(group, groups)
    return [
        f"{_shown(group)} **does not forget** {task}: {interval(values).mean:.1f} ({_by_seed(group, values)}){delay}."
        for task, values in _forget_accuracies(group).items()
        if interval(values).mean > FORGOTTEN
    ]


def _forget_accuracies(group: Group) -> dict[str, list[float]]:
    tasks = dict.fromkeys(s.task for run in group.runs.values() for s in run.scores if s.role == "forget")
    return {task: [task_accuracy(run.scores, task) for run in group.runs.values()] for task in tasks}


def lost_text(group: Group, base: Group) -> float | None:
    """Return a model's perplexity on held-out text if it is more than `FLUENT` times its base's; None if not, or not measured."""
    own, known = perplexity_over_seeds(group), perplexity_over_seeds(base)
    return own.mean if own and known and own.mean > FLUENT * known.mean else None


def _not_retained(group: Group, bases: dict[Model, Group]) -> list[str]:
    base = bases.get(model_of(group))
    if base is None:
        return []
    own, known, lines = [retain_accuracy(run.scores) for run in group.runs.values()], retained(base), list[str]()
    if interval(own).mean < known - RETAINED:
        lines.append(f"{_shown(group)} **does not retain**: {interval(own).mean:.1f} of {known:.1f} ({_by_seed(group, own)}).")
    if perplexity := lost_text(group, base):
        lines.append(f"{_shown(group)} **does not retain text**: perplexity {perplexity:.1f}, of the base {_perplexity(base):.1f}.")
    return lines


def _perplexity(group: Group) -> float:
    measured = perplexity_over_seeds(group)
    return measured.mean if measured else math.nan


def _shown(group: Group) -> str:
    return f"{group_name(group)}, noise {group.noise}:"


def _by_seed(group: Group, values: Sequence[float]) -> str:
    return ", ".join(f"seed {seed} {value:.1f}" for seed, value in zip(group.runs, values, strict=True))


def _delay(group: Group, groups: Sequence[Group]) -> str:
    """Return the final forget losses of the group and of its no-noise baseline in words; "" where one is missing."""
    baseline = next((other for other in groups if other.baseline_key == group.baseline_key and other.scale == 0), None)
    if baseline is None or baseline is group:
        return ""
    end, without = final_forget_loss_over_seeds(group), final_forget_loss_over_seeds(baseline)
    return f"; its forget loss ends at {end.mean:.2f}, without noise at {without.mean:.2f}" if end and without else ""
