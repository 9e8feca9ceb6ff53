"""The appearance of figures: sizes, fonts, and the shape and colour of each method."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, TypeAlias
from zlib import crc32

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.style import context

NARROW, WIDE = 3.5, 7.0
"""Inches: one column of a paper, and both. 8 points on 3.5 inches stay legible in a figure of 300 pixels."""
INK, GREY = "#000000", "#767676"
SETTINGS = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.2,
    "lines.markersize": 5.0,
    "legend.frameon": False,
    "text.parse_math": False,  # names of models and patterns may contain a $
    "svg.hashsalt": "rna_bench",  # otherwise the ids in an SVG are random
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "figure.dpi": 150.0,
    "savefig.dpi": 150.0,
}


class MethodStyle(NamedTuple):
    """A method's name in figures, marker and colour.

    Colours that the colour-blind tell apart: Okabe and Ito's palette (jfly.uni-koeln.de/color), then dark ones of Paul Tol's
    "muted" (sronpersonalpages.nl/~pault), and a brown.
    """

    label: str
    marker: str | tuple[int, int, int]
    colour: str


BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
WINE, INDIGO, OLIVE, BROWN, GOLD = "#882255", "#332288", "#999933", "#7A4A12", "#B8860B"
METHOD_STYLES = {  # the package's methods have the same style in every figure, whichever others are in it
    "rmu": MethodStyle("RMU", "o", BLUE),
    "adaptive_rmu": MethodStyle("Adaptive RMU", "s", VERMILLION),
    "rsv": MethodStyle("RSV", "D", GREEN),
    "npo_kl": MethodStyle("NPO+KL", "^", PURPLE),
    "npo_mse": MethodStyle("NPO+MSE", "v", PURPLE),
    "dpo_kl": MethodStyle("DPO+KL", "<", ORANGE),
    "dpo_mse": MethodStyle("DPO+MSE", ">", ORANGE),
    "simnpo_kl": MethodStyle("SimNPO+KL", "P", SKY),
    "simnpo_mse": MethodStyle("SimNPO+MSE", "X", SKY),
    "ga": MethodStyle("GA", "d", WINE),
    "grad_diff": MethodStyle("GradDiff", "p", WINE),
    "npo_sam": MethodStyle("NPO+SAM", (4, 1, 0), PURPLE),  # stars with so many points
    "circuit_breakers": MethodStyle("Circuit breakers", (6, 1, 0), GREEN),
    "rmu_lat": MethodStyle("RMU-LAT", (8, 1, 0), BLUE),
    "task_vector": MethodStyle("Task vector", (3, 1, 0), WINE),
    "retrained": MethodStyle("Retrained (gold)", "*", GOLD),
    "retrained_no_words": MethodStyle("Retrained, no words", "H", GREY),
}
SPARE = [(marker, colour) for marker in ("h", "*", "8") for colour in (INDIGO, OLIVE, BROWN)]


def style_of(method: str, methods: Sequence[str]) -> MethodStyle:
    """Return a method's style; a user's own is called by its name, from which its marker and colour follow.

    Of names among `methods` that lead to the same marker and colour, the later ones in the alphabet take the next that are free.
    """
    if method in METHOD_STYLES:
        return METHOD_STYLES[method]
    places: list[int] = []
    own = sorted(set(methods) - set(METHOD_STYLES))
    for name in own:
        ranked = [(crc32(name.encode()) + step) % len(SPARE) for step in range(len(SPARE))]
        places.append(next((place for place in ranked if place not in places), ranked[0]))
    return MethodStyle(method, *SPARE[places[own.index(method)]])


@contextmanager
def drawing_settings() -> Iterator[None]:
    """Draw and save with these settings, whatever the user's are."""
    with context(["default", SETTINGS]):
        yield


class Size(NamedTuple):
    """Inches: the width of a figure, the height of each row of panels, and the height above and below them."""

    width: float
    row: float
    around: float = 0.0


SharedAxis: TypeAlias = bool | Literal["none", "all", "row", "col"]


def panel_grid(
    rows: int, columns: int, size: Size, *, sharex: SharedAxis = True, sharey: SharedAxis = True
) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure, and its axes by row and column."""
    figure = Figure(figsize=(size.width, rows * size.row + size.around), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey)
    return figure, [list(row) for row in panels]


def fix_layout(figure: Figure) -> None:
    """Lay the figure out once, so that the layout is the same in every format."""
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def fill(style: MethodStyle, *, noisy: bool) -> dict[str, Any]:
    """Return marker settings: hollow without noise, filled with it."""
    return {"marker": style.marker, "markeredgecolor": style.colour, "markerfacecolor": style.colour if noisy else "white"}


def key(label: str, **style: Any) -> Line2D:
    """Return a legend entry."""
    return Line2D([], [], label=label, **style)


def version() -> str:
    """Return the versions that drew a figure, which every file states."""
    return f"rna_bench, Matplotlib {matplotlib.__version__}"
