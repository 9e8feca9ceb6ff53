"""Tables of accuracy along one setting: noise scale, noise layer, steering coefficient."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from rna_bench.core.types import TriggerType
from rna_bench.reporting.statistics.frame import Group, key_without, shown_settings
from rna_bench.reporting.statistics.intervals import SHOWN, Interval
from rna_bench.reporting.statistics.pairs import accuracy_over_seeds, baselines, task_over_seeds
from rna_bench.reporting.statistics.scores import retain_accuracy
from rna_bench.reporting.tables.table import Table, TableRow

NOTE = f"Accuracy in %. {SHOWN}"
SweptGroups: TypeAlias = Mapping[float, Group]
"""Groups that differ in one setting alone, by its value in ascending order."""


class Axis(NamedTuple):
    """A setting in which groups may differ: its keys, a column's heading, and the fewest values that make a table."""

    keys: tuple[str, ...]
    heading: Callable[[float, Group], str]
    least: int


SCALE = Axis(("noise.scale",), lambda _, group: group.noise, 3)
LAYER = Axis(("noise.layer",), lambda value, _: f"layer {value:g}", 2)
COEFFICIENT = Axis(("method.steering_coefficient",), lambda value, _: f"c = {value:g}", 2)
STEERING_SCALE = Axis(("method.scale",), lambda value, _: f"{value:g} times", 2)  # Adaptive RMU's and RSV's


def curve_tables(groups: Sequence[Group], shown: Sequence[TriggerType]) -> list[Table]:
    """Return the tables of settings that vary: three noise scales of a method or more, two layers of noise, two coefficients."""
    unlearned = [group for group in groups if group.unlearned]
    noisy = [group for group in unlearned if group.scale > 0]
    plain = baselines(groups)
    steered = [row for axis in (COEFFICIENT, STEERING_SCALE) for row in _rows(swept(unlearned, axis), axis, shown)]
    scales = [_from_zero(curve, plain) for curve in swept(noisy, SCALE)]
    layers = f"{NOTE} Columns are the layers at whose output the noise is added."
    coefficients = f"{NOTE} Columns are steering coefficients c, or scales of them."
    return [
        Table("noise_scale", "By noise scale", f"{NOTE} Columns are noise scales.", _rows(scales, SCALE, shown)),
        Table("noise_layer", "By layer of the noise", layers, _rows(swept(noisy, LAYER), LAYER, shown)),
        Table("steering", "By steering coefficient", coefficients, steered),
    ]


def swept(groups: Sequence[Group], axis: Axis) -> list[SweptGroups]:
    """Return curves: sets of groups that differ in the axis alone; a group without the setting is in none."""
    by_key: dict[str, dict[float, Group]] = {}
    for group in groups:
        values = [float(value) for key, value in group.flat.items() if key in axis.keys and isinstance(value, int | float)]
        if values:
            by_key.setdefault(key_without(group, axis.keys), {})[values[0]] = group
    return [dict(sorted(curve.items())) for curve in by_key.values()]


def _from_zero(curve: SweptGroups, plain: Mapping[str, Group]) -> SweptGroups:
    """Return the curve of noise scales, beginning with the no-noise baseline, which is the same for every layer and unit."""
    baseline = plain.get(next(iter(curve.values())).baseline_key)
    return curve if baseline is None else {0.0: baseline, **curve}


def _rows(curves: Sequence[SweptGroups], axis: Axis, shown: Sequence[TriggerType]) -> list[TableRow]:
    return [row for curve in curves if len(curve) >= axis.least for row in _rows_of(curve, axis, shown)]


def _rows_of(curve: SweptGroups, axis: Axis, shown: Sequence[TriggerType]) -> list[TableRow]:
    """Return a row for each task, clean, and for each trigger type in retain questions."""
    last = curve[max(curve)]
    head: TableRow = {"model": last.model, "dtype": last.dtype, "method": last.method}
    if others := shown_settings(last, axis.keys):
        head["settings"] = others
    if axis is not SCALE:
        head["noise"] = last.noise
    tasks = dict.fromkeys(s.task for group in curve.values() for run in group.runs.values() for s in run.scores)
    rows = [head | {"accuracy on": task} | _cells(curve, axis, partial(task_over_seeds, task=task)) for task in tasks]
    rows += [head | {"accuracy on": one.trigger} | _cells(curve, axis, partial(_under, trigger_type=one)) for one in shown]
    return [row for row in rows if any(isinstance(cell, Interval) for cell in row.values())]


def _cells(curve: SweptGroups, axis: Axis, measured: Callable[[Group], Interval | None]) -> TableRow:
    return {axis.heading(value, group): measured(group) or "" for value, group in curve.items()}


def _under(group: Group, trigger_type: TriggerType) -> Interval | None:
    """Return the accuracy under a trigger type over the group's seeds; None where one of them was not scored under it."""
    if trigger_type not in group.trigger_types:
        return None
    return accuracy_over_seeds(group, lambda scores: retain_accuracy(scores, trigger_type.trigger))
