"""The panels of the dashboard, from the names that runs tell trackers."""

from typing import NamedTuple

from wandb_workspaces.reports.v2 import interface as wr

from rna_bench.runs.tracking import STEP
from rna_bench.runs.tracking.metrics import (
    ALONG,
    CONTROL,
    FORGET,
    FORGET_LOSS,
    MARGIN,
    NORM,
    RETAIN,
    RETAIN_LOSS,
    STATUS,
    TRIGGERED,
)

METHOD, SCALE, LAYER, SEED = "choices.method", "noise.scale", "noise.layer", "seed"
"""Keys of a run's config."""

MEANS = {
    FORGET: "forget accuracy",
    RETAIN: "retain accuracy",
    TRIGGERED: "accuracy with a trigger",
    CONTROL: "accuracy with a control",
    MARGIN: "accuracy with a trigger less forget accuracy",
}
COLUMNS = [f"summary:{name}" for name in (STATUS, *MEANS)] + [
    "config:choices.value.method",
    "config:noise.value.scale",
    "config:seed.value",
]
"""Columns of the table of runs, by W&B's names: a config's nested keys stand behind `value`."""


Plot = wr.ScatterPlot | wr.BarPlot | wr.LinePlot


class Part(NamedTuple):
    """Panels under one title. `about` says how to read them."""

    title: str
    about: str
    panels: tuple[Plot, ...]


def parts() -> list[Part]:
    """Return all panels, new at each call: W&B's library gives each an identifier, and a grid moves them."""
    return [
        Part(
            "Trade-off",
            "A dot a run. Good is forgotten (left) and unharmed by triggers (high). The colour is the noise's scale.",
            (_dots(FORGET, TRIGGERED), _dots(FORGET, RETAIN), _dots(CONTROL, TRIGGERED)),
        ),
        Part(
            "Noise",
            "A dot a run, by the scale of the noise. A scale that only keeps a model from forgetting raises both of the first two.",
            (*(_by_noise(SCALE, name) for name in (TRIGGERED, FORGET, RETAIN, MARGIN)), _by_noise(LAYER, TRIGGERED)),
        ),
        Part(
            "Methods",
            "Means over the runs of each method, with the standard error.",
            tuple(_bars(name, wr.Config(METHOD)) for name in (FORGET, TRIGGERED, CONTROL, RETAIN)),
        ),
        Part(
            "Sweeps",
            "Means over the runs of each group: a sweep's runs are one.",
            tuple(_bars(name, wr.Metric("Group")) for name in (FORGET, TRIGGERED)),
        ),
        Part(
            "Along the runs",
            "Looks at a part of the questions while a run trains; means over the runs of each method, with the standard error.",
            tuple(_curve(f"{MEANS[name]} along the run", f"{ALONG}/{name}") for name in (FORGET, TRIGGERED, CONTROL, RETAIN)),
        ),
        Part(
            "Losses",
            "A curve a run and topic, before each update; the retain loss is before its weight.",
            (_curves("forget loss", rf"^{FORGET_LOSS}/"), _curves("retain loss", rf"^{RETAIN_LOSS}/")),
        ),
        Part(
            "Details",
            "A curve a run: each task and form, and how long hidden states are, by topic and side.",
            (_curves("accuracy by task", rf"^{ALONG}/(?!mean/|{NORM}/)"), _curves("hidden norm", rf"^{ALONG}/{NORM}/")),
        ),
    ]


def _dots(x: str, y: str) -> wr.ScatterPlot:
    return wr.ScatterPlot(
        title=f"{MEANS[y]} against {MEANS[x]}",
        x=wr.SummaryMetric(x),
        y=wr.SummaryMetric(y),
        z=wr.Config(SCALE),
        range_x=(0, 1),
        range_y=(0, 1),
    )


def _by_noise(key: str, name: str) -> wr.ScatterPlot:
    return wr.ScatterPlot(title=f"{MEANS[name]} by {key}", x=wr.Config(key), y=wr.SummaryMetric(name), running_ymean=True)


def _bars(name: str, by: wr.Config | wr.Metric) -> wr.BarPlot:
    return wr.BarPlot(
        title=MEANS[name], metrics=[name], groupby=by, groupby_aggfunc="mean", groupby_rangefunc="stderr", range_x=(0, 1)
    )


def _curve(title: str, name: str) -> wr.LinePlot:
    by = wr.Config(METHOD)
    return wr.LinePlot(
        title=title, x=STEP, y=[name], groupby=by, groupby_aggfunc="mean", groupby_rangefunc="stderr", range_y=(0, 1)
    )


def _curves(title: str, pattern: str) -> wr.LinePlot:
    return wr.LinePlot(title=title, x=STEP, metric_regex=pattern)
