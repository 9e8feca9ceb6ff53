"""What figures look like: sizes, fonts, and the shape and colour of each method."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, TypeAlias

import matplotlib
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

NARROW, WIDE = 3.5, 7.0
"""Inches: one column of a paper, and both. 8 points on 3.5 inches can still be read when the figure is 300 pixels wide."""
INK, GREY = "#000000", "#767676"
PAGE = {
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
    "text.parse_math": False,  # a model or a pattern may have a $ in its name
    "svg.hashsalt": "rna_bench",  # else the names inside an SVG are random
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "figure.dpi": 150.0,
    "savefig.dpi": 150.0,
}


class Look(NamedTuple):
    """How a method is called and drawn; colours are Okabe and Ito's (jfly.uni-koeln.de/color), told apart by the colour-blind."""

    label: str
    marker: str
    colour: str


BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
LOOKS = {  # the paper's methods look the same in every figure, whatever others stand beside them
    "rmu": Look("RMU", "o", BLUE),
    "adaptive_rmu": Look("Adaptive RMU", "s", VERMILLION),
    "rsv": Look("RSV", "D", GREEN),
    "npo_kl": Look("NPO+KL", "^", PURPLE),
    "npo_mse": Look("NPO+MSE", "v", PURPLE),
    "dpo_kl": Look("DPO+KL", "<", ORANGE),
    "dpo_mse": Look("DPO+MSE", ">", ORANGE),
    "simnpo_kl": Look("SimNPO+KL", "P", SKY),
    "simnpo_mse": Look("SimNPO+MSE", "X", SKY),
}
SPARE = [(marker, colour) for marker in ("h", "p", "d", "8", "H") for colour in (INK, BLUE, VERMILLION)]


def look_of(method: str, methods: Sequence[str]) -> Look:
    """Return a method's look; others than the paper's take spare ones, in the order of their names among `methods`."""
    if method in LOOKS:
        return LOOKS[method]
    place = sorted(set(methods) - set(LOOKS)).index(method)
    return Look(method, *SPARE[place % len(SPARE)])


@contextmanager
def page() -> Iterator[None]:
    """Draw and save under the same settings, whatever the user's own are."""
    with style.context(["default", PAGE]):
        yield


class Size(NamedTuple):
    """Inches: the width of a figure, the height of each row of panels, and what stands above and below them."""

    width: float
    row: float
    around: float = 0.0


Shared: TypeAlias = bool | Literal["none", "all", "row", "col"]


def sheet(rows: int, columns: int, size: Size, *, sharex: Shared = True, sharey: Shared = True) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure, and its panels by row and column."""
    figure = Figure(figsize=(size.width, rows * size.row + size.around), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=sharex, sharey=sharey)
    return figure, [list(row) for row in panels]


def settle(figure: Figure) -> None:
    """Lay the figure out, once: it stays as it is in every format."""
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def fill(look: Look, *, noisy: bool) -> dict[str, Any]:
    """Return marker settings: hollow without noise, filled with it."""
    return {"marker": look.marker, "markeredgecolor": look.colour, "markerfacecolor": look.colour if noisy else "white"}


def key(label: str, **look: Any) -> Line2D:
    """Return an entry of a legend."""
    return Line2D([], [], label=label, **look)


def version() -> str:
    """Return who drew it, which is in every file."""
    return f"rna_bench, Matplotlib {matplotlib.__version__}"
