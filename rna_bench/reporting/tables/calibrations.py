"""The table of calibration: how far the confidence of answers is from the share that is right."""

from collections.abc import Mapping, Sequence

from rna_bench.core.types import TriggerType
from rna_bench.reporting.statistics.calibration import BINS, Calibration
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import Interval, percent_interval
from rna_bench.reporting.tables.table import Table, TableRow, group_cells

NOTE = (
    f"Expected calibration error in %, on {BINS} equal bins of confidence (Guo et al. 2017, arXiv 1706.04599, equation 3): the "
    "mean over answers of the distance between a bin's share of right answers and its mean confidence, the answer's probability "
    "among the four choices. 0 is calibrated. `forget`, `retain`: clean questions; trigger types: retain questions with a trigger. "
    "Mean and 95% interval over seeds (Student's t). Even a calibrated model's is above 0 on few questions, so compare columns of "
    "as many questions: a trigger type with `retain`."
)


def calibration_table(groups: Sequence[Group], by_run: Mapping[str, Calibration], shown: Sequence[TriggerType]) -> Table:
    """Return the calibration error by group: of clean forget and retain questions, and of retain questions by trigger type.

    `by_run` has calibrations by the run's identity; groups of which no run has one have no row.
    """
    columns = ("forget", "retain", *(one.trigger for one in shown))
    rows: list[TableRow] = []
    for group in groups:
        own = [by_run[run.identity] for run in group.runs.values() if by_run.get(run.identity)]
        if own:
            rows.append(group_cells(group) | {name: _over_seeds(own, name) for name in columns})
    return Table("calibration", "Calibration", NOTE, rows)


def _over_seeds(own: Sequence[Calibration], name: str) -> Interval | str:
    """Return the mean over the runs that were asked such questions; "" where none was."""
    values = [one[name] for one in own if name in one]
    return percent_interval(values) if values else ""
