"""Tables of accuracy along one setting: noise scale, noise layer, steering coefficient."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from rna_bench.core.types import CLEAN, Score, TriggerType
from rna_bench.reporting.statistics.frame import Group, alike, pooled, settings, task_accuracy
from rna_bench.reporting.statistics.intervals import Interval, interval
from rna_bench.reporting.tables.table import Row, Table

NOTE = "Accuracy in %, mean and half width of the 95% interval over seeds."
Curve: TypeAlias = Mapping[float, Group]
"""Groups that differ in one setting alone, by its value, which rises."""


class Axis(NamedTuple):
    """A setting that groups can differ in: the beginnings of its keys, a column's heading, and how many values make a curve."""

    keys: tuple[str, ...]
    heading: Callable[[float, Group], str]
    least: int


SCALE = Axis(("noise.scale",), lambda _, group: group.noise, 3)
LAYER = Axis(("noise.layer",), lambda value, _: f"layer {value:g}", 2)
COEFFICIENT = Axis(("method.steering_coefficient",), lambda value, _: f"c = {value:g}", 2)
STEERING_SCALE = Axis(("method.scale",), lambda value, _: f"{value:g} times", 2)  # Adaptive RMU's and RSV's


def curve_tables(found: Sequence[Group], shown: Sequence[TriggerType]) -> list[Table]:
    """Return the tables of settings that vary: three noise scales of a method or more, two layers of noise, two coefficients."""
    unlearned = [group for group in found if group.unlearned]
    noisy = [group for group in unlearned if group.scale > 0]
    plain = {group.twin: group for group in unlearned if group.scale == 0}
    steered = [row for axis in (COEFFICIENT, STEERING_SCALE) for row in _rows(curves(unlearned, axis), axis, shown)]
    scales = [_from_zero(curve, plain) for curve in curves(noisy, SCALE)]
    layers = f"{NOTE} Columns are the layer at whose output there is noise."
    coefficients = f"{NOTE} Columns are steering coefficients c, or scales of them."
    return [
        Table("noise_scale", "By noise scale", f"{NOTE} Columns are noise scales.", _rows(scales, SCALE, shown)),
        Table("noise_layer", "By layer of the noise", layers, _rows(curves(noisy, LAYER), LAYER, shown)),
        Table("steering", "By steering coefficient", coefficients, steered),
    ]


def curves(found: Sequence[Group], axis: Axis) -> list[Curve]:
    """Return groups that differ in the axis alone, side by side; a group without the setting is in none."""
    made: dict[str, dict[float, Group]] = {}
    for group in found:
        values = [float(value) for key, value in group.flat.items() if key in axis.keys and value is not None]
        if values:
            made.setdefault(alike(group, axis.keys), {})[values[0]] = group
    return [dict(sorted(curve.items())) for curve in made.values()]


def _from_zero(curve: Curve, plain: Mapping[str, Group]) -> Curve:
    """Return a curve of noise scales with the group without noise, which serves every layer and unit, at its beginning."""
    twin = plain.get(next(iter(curve.values())).twin)
    return curve if twin is None else {0.0: twin, **curve}


def _rows(found: Sequence[Curve], axis: Axis, shown: Sequence[TriggerType]) -> list[Row]:
    return [row for curve in found if len(curve) >= axis.least for row in _curve_rows(curve, axis, shown)]


def _curve_rows(curve: Curve, axis: Axis, shown: Sequence[TriggerType]) -> list[Row]:
    """Return a row for each task, clean, and for each kind of trigger in retain questions."""
    last = curve[max(curve)]
    head: Row = {"model": last.model, "dtype": last.dtype, "method": last.method}
    if others := settings(last, axis.keys):
        head["settings"] = others
    if axis is not SCALE:
        head["noise"] = last.noise
    tasks = dict.fromkeys(s.task for group in curve.values() for run in group.runs.values() for s in run.scores)
    rows = [head | {"accuracy on": task} | _cells(curve, axis, _of_task(task)) for task in tasks]
    for kind in shown:
        rows.append(head | {"accuracy on": kind.trigger} | _cells(curve, axis, _of_kind(kind)))
    return [row for row in rows if any(isinstance(cell, Interval) for cell in row.values())]


def _cells(curve: Curve, axis: Axis, measure: Callable[[Sequence[Score]], float | None]) -> Row:
    cells: Row = {}
    for value, group in curve.items():
        found = [number for run in group.runs.values() if (number := measure(run.scores)) is not None]
        cells[axis.heading(value, group)] = interval(found) if found else ""
    return cells


def _of_task(task: str) -> Callable[[Sequence[Score]], float | None]:
    return lambda scores: task_accuracy(scores, task) if any(s.task == task and s.perturbation == CLEAN for s in scores) else None


def _of_kind(kind: TriggerType) -> Callable[[Sequence[Score]], float | None]:
    return lambda scores: pooled(scores, kind.trigger) if any(s.perturbation == kind.trigger for s in scores) else None
