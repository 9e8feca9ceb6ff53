"""The panels of the dashboard, from the names that runs log to trackers."""

from typing import NamedTuple

from wandb_workspaces.reports.v2 import interface as wr

from rna_bench.runs.tracking import STEP
from rna_bench.runs.tracking.metrics import (
    ALONG,
    CONTROL,
    DROP,
    FORGET,
    FORGET_LOSS,
    MARGIN,
    NORM,
    PERTURBED,
    RETAIN,
    RETAIN_LOSS,
    STATUS,
)

METHOD, SCALE, LAYER, SEED = "choices.method", "noise.scale", "noise.layer", "seed"
"""Keys of a run's config."""

MEANS = {
    FORGET: "forget accuracy",
    RETAIN: "retain accuracy",
    PERTURBED: "perturbed accuracy",
    CONTROL: "accuracy with a control",
    DROP: "drop beyond control",
    MARGIN: "perturbed less forget accuracy",
}
COLUMNS = [f"summary:{name}" for name in (STATUS, *MEANS)] + [
    "config:choices.value.method",
    "config:noise.value.scale",
    "config:seed.value",
]
"""Columns of the table of runs by W&B's names, in which nested config keys come after `value`."""

MOST_RUNS = 1000
"""Runs that a panel shows at most: a sweep has up to 270. W&B shows the first 10 unless told, by its "Line plot reference"
(docs.wandb.ai/models/app/features/panels/line-plot/reference) and by wandb-workspaces 0.4.13, and neither states an upper limit.
Scatter plots have no such setting."""

Plot = wr.ScatterPlot | wr.BarPlot | wr.LinePlot


class PanelSection(NamedTuple):
    """Panels under one title. `about` explains how to read them."""

    title: str
    about: str
    panels: tuple[Plot, ...]


def panel_sections() -> list[PanelSection]:
    """Return all panels, new at each call: W&B's library gives each an identifier, and a grid changes their position."""
    return [
        PanelSection(
            "Trade-off",
            "One dot per run. A good run forgets (left) and is robust to triggers (high). The colour is the noise scale.",
            (_dots(FORGET, PERTURBED), _dots(FORGET, RETAIN), _dots(CONTROL, PERTURBED)),
        ),
        PanelSection(
            "Noise",
            "One dot per run, by noise scale. A scale that merely keeps a model from forgetting raises both of the first two.",
            (*(_by_noise(SCALE, name) for name in (PERTURBED, FORGET, RETAIN, MARGIN)), _by_noise(LAYER, PERTURBED)),
        ),
        PanelSection(
            "Methods",
            "Means over the runs of each method, with the standard error.",
            tuple(_bars(name, wr.Config(METHOD)) for name in (FORGET, PERTURBED, CONTROL, RETAIN)),
        ),
        PanelSection(
            "Methods with noise",
            "Means over the runs of each group; the runs of one method and one noise are a group.",
            tuple(_bars(name, wr.Metric("Group")) for name in (FORGET, PERTURBED)),
        ),
        PanelSection(
            "Along the runs",
            "Accuracy on some of the questions during training: means over the runs of each method, with the standard error.",
            tuple(_curve(f"{MEANS[name]} along the run", f"{ALONG}/{name}") for name in (FORGET, PERTURBED, CONTROL, RETAIN)),
        ),
        PanelSection(
            "Losses",
            "One curve per run and topic, before each update; the retain loss is not yet weighted.",
            (_curves("forget loss", rf"^{FORGET_LOSS}/"), _curves("retain loss", rf"^{RETAIN_LOSS}/")),
        ),
        PanelSection(
            "Details",
            "One curve per run: accuracy by task and perturbation, and the norm of hidden states by topic and side.",
            (_curves("accuracy by task", rf"^{ALONG}/(?!{NORM}/)[^/]+/"), _curves("hidden norm", rf"^{ALONG}/{NORM}/")),
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
        title=MEANS[name],
        metrics=[name],
        groupby=by,
        groupby_aggfunc="mean",
        groupby_rangefunc="stderr",
        range_x=(0, 1),
        max_runs_to_show=MOST_RUNS,
        max_bars_to_show=MOST_RUNS,
    )


def _curve(title: str, name: str) -> wr.LinePlot:
    by = wr.Config(METHOD)
    return wr.LinePlot(
        title=title,
        x=STEP,
        y=[name],
        groupby=by,
        groupby_aggfunc="mean",
        groupby_rangefunc="stderr",
        range_y=(0, 1),
        max_runs_to_show=MOST_RUNS,
    )


def _curves(title: str, pattern: str) -> wr.LinePlot:
    return wr.LinePlot(title=title, x=STEP, metric_regex=pattern, max_runs_to_show=MOST_RUNS)
