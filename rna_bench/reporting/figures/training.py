"""Curves along the run: losses by training step, and hidden norms by eval step."""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import chain as joined
from statistics import fmean
from typing import NamedTuple, TypeAlias

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.ticker import MaxNLocator

from rna_bench.core.types import RunRecord
from rna_bench.reporting.figures.chains import Chain, Drawn, Missing, panels
from rna_bench.reporting.figures.style import INK, WIDE, Size, key, panel_grid
from rna_bench.reporting.statistics.frame import Group
from rna_bench.reporting.statistics.intervals import interval

Course: TypeAlias = dict[str, list[tuple[float, float]]]
"""Pairs of step and value, by the name of the quantity."""
TOGETHER = 5
"""How many losses of a topic are averaged to one point: losses vary more between batches than over a few steps."""


class Band(NamedTuple):
    """Means over seeds by step, and the ends of their 95% intervals."""

    steps: list[float]
    means: list[float]
    low: list[float]
    high: list[float]


def loss_curves(groups: Sequence[Group]) -> Drawn | Missing:
    """Draw forget and retain losses by step and topic, with a row for each method and a line for each noise scale."""
    drawn = _drawn("losses", groups, _losses)
    caption = (
        "Losses by step and topic, before the step's update (the retain loss unweighted, with the noise's contribution), each "
        f"point the mean of {TOGETHER} of the topic's steps: means and 95% intervals over seeds. Dashed: without noise; lighter: "
        "more noise. Axes differ between panels."
    )
    return drawn._replace(caption=caption) if isinstance(drawn, Drawn) else drawn._replace(reason="no record has losses by step")


def hidden_norm_curves(groups: Sequence[Group]) -> Drawn | Missing:
    """Draw the norm of hidden states at the steered layer along the run, by topic, for forget and retain text."""
    drawn = _drawn("hidden_norms", groups, _norms)
    caption = (
        "Mean L2 norm of the hidden state at the steered layer, or at the highest trained one where the method steers none, on "
        "each topic's first batch of forget and of retain text, along the run: means and 95% intervals over seeds. Dashed: without "
        "noise; lighter: more noise. Axes differ."
    )
    return drawn._replace(caption=caption) if isinstance(drawn, Drawn) else drawn._replace(reason="no record has hidden norms")


def _losses(run: RunRecord) -> Course:
    course: dict[str, list[tuple[int, float]]] = {}
    retains = run.config.get("retain", {}).get("_target_", "") is not None  # without a retain loss a record has 0
    for side, chosen in (("forget", lambda loss: loss.forget), ("retain", lambda loss: loss.retain if retains else None)):
        for loss in run.losses:
            if (value := chosen(loss)) is not None and math.isfinite(value):
                course.setdefault(f"{side} loss, {loss.topic}", []).append((loss.step, value))
    return {name: _together(points) for name, points in course.items()}


def _together(points: Sequence[tuple[int, float]]) -> list[tuple[float, float]]:
    """Return the mean step and mean value of every `TOGETHER` points; the rest at the end makes a point too."""
    parts = [points[start : start + TOGETHER] for start in range(0, len(points), TOGETHER)]
    return [(fmean(step for step, _ in part), fmean(value for _, value in part)) for part in parts]


def _norms(run: RunRecord) -> Course:
    course: Course = {}
    for point in run.eval_points:
        for name, value in point.hidden_norm.items():
            if value is not None and math.isfinite(value):
                title = f"retain text, {name.removeprefix('retain/')}" if name.startswith("retain/") else f"forget text, {name}"
                course.setdefault(title, []).append((point.step, value))
    return dict(sorted(course.items()))


def _drawn(name: str, groups: Sequence[Group], course: Callable[[RunRecord], Course]) -> Drawn | Missing:
    """Draw a row for each method, and a column for each name in the courses."""
    here = panels(groups)
    rows = [(panel, chain, _bands(chain, course)) for panel in here for chain in panel.chains]
    rows = [(panel, chain, bands) for panel, chain, bands in rows if any(bands)]
    names = list(dict.fromkeys(joined.from_iterable(own for _, _, bands in rows for own in bands)))
    if not names:
        return Missing(name, "")
    shades = _shades(joined.from_iterable(chain.members for _, chain, _ in rows))
    figure, grid = panel_grid(len(rows), len(names), Size(WIDE, 1.25, 0.7), sharex="row", sharey=False)
    for line, (panel, chain, bands) in zip(grid, rows, strict=True):
        for axes, shown in zip(line, names, strict=True):
            own = [(group, band[shown]) for group, band in zip(chain.members, bands, strict=True) if shown in band]
            if own:
                _panel(axes, own, shades)
            else:
                axes.set_axis_off()
        line[0].set_ylabel(chain.title(panel.title if len(here) > 1 else ""), fontsize=6.5, fontweight="bold")
    for axes, shown in zip(grid[0], names, strict=True):
        axes.set_title(shown, fontsize=7.5)
    figure.supxlabel("step", fontsize=8)
    keys = [key(noise, color=colour, linestyle="--" if noise == "0" else "-") for noise, colour in shades.items()]
    figure.legend(handles=keys, loc="outside upper center", ncols=len(keys), title="noise", fontsize=7.5, title_fontsize=7.5)
    return Drawn(name, "", figure)


def _bands(chain: Chain, course: Callable[[RunRecord], Course]) -> list[dict[str, Band]]:
    return [_band([course(run) for run in group.runs.values()]) for group in chain.members]


def _band(courses: Sequence[Course]) -> dict[str, Band]:
    """Return means and intervals by name, at the steps where all seeds have a finite value."""
    bands: dict[str, Band] = {}
    for name in courses[0]:
        by_step = [dict(course.get(name, ())) for course in courses]
        steps = [step for step in by_step[0] if all(step in own for own in by_step)]
        values = [interval([own[step] for own in by_step]) for step in steps]
        low, high = ([value.ends[side] for value in values] for side in (0, 1))
        bands[name] = Band(steps, [value.mean for value in values], low, high)
    return bands


def _shades(groups: Iterable[Group]) -> dict[str, str]:
    """Return a colour by noise label: black without noise, and lighter for larger scales."""
    scales = sorted({(max(group.scale, 0), group.noise if group.scale > 0 else "0") for group in groups})
    noisy = [noise for scale, noise in scales if scale > 0]
    colours = matplotlib.colormaps["viridis"]
    shades = {noise: to_hex(colours(0.15 + 0.65 * place / max(len(noisy) - 1, 1))) for place, noise in enumerate(noisy)}
    return ({"0": INK} if len(noisy) < len(scales) else {}) | shades


def _panel(axes: Axes, own: Sequence[tuple[Group, Band]], shades: dict[str, str]) -> None:
    for group, band in own:
        plain = group.scale <= 0
        colour = shades["0" if plain else group.noise]
        axes.plot(band.steps, band.means, color=colour, linewidth=0.9, linestyle="--" if plain else "-", zorder=3 if plain else 2)
        axes.fill_between(band.steps, band.low, band.high, color=colour, alpha=0.15, linewidth=0)
    means = [mean for _, band in own for mean in band.means]
    if means and min(means) >= 0 < max(means):
        axes.set_ylim(0, 1.2 * max(means))  # the axis fits the means; a band may extend beyond it
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.tick_params(labelsize=7)
