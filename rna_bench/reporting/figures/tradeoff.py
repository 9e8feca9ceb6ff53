"""The trade-off plane: forget accuracy against perturbed accuracy."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from rna_bench.core.types import TriggerType
from rna_bench.reporting.figures.chains import CHANCE, Drawn, Missing, Panel, common_trigger_types, panels
from rna_bench.reporting.figures.labels import Label, Obstacle, place
from rna_bench.reporting.figures.paths import PlanePoint, TradeoffPath, apart, draw_path, path_of, point_of
from rna_bench.reporting.figures.style import GREY, INK, NARROW, WIDE, MethodStyle, Size, fill, fix_layout, key, panel_grid
from rna_bench.reporting.statistics.frame import Group

NAME, BY_METHOD = "tradeoff", "tradeoff_by_method"
SPAN = 25.0
"""The least range of the forget accuracy axis, in points."""
FEW = 4
"""The most methods in a low panel; with more, a second figure has a small panel for each."""
LOW, HIGH = 12, 104
"""The ends of the y axis, which include chance."""


def tradeoff(groups: Sequence[Group]) -> Drawn | Missing:
    """Draw a plane for each model, with a path for each method from its baseline (hollow) to its largest noise scale (filled)."""
    here, trigger_types = _shown(groups)
    if not here:
        return Missing(NAME, "no unlearned run has scores of forget questions and of a trigger type that all were scored under")
    plain = [[path_of(chain, trigger_types) for chain in panel.chains] for panel in here]
    left, right = _range([point for paths in plain for path in paths for point in path.points])
    figure, rows = panel_grid(len(here), 1, Size(NARROW, 3.0 if max(map(len, plain)) <= FEW else 5.0))
    for (axes,), panel in zip(rows, here, strict=True):
        _frame(axes, panel.title, left, right)
        axes.set_ylabel("perturbed accuracy in % (higher is better)")
        axes.annotate(
            "chance", (1, CHANCE), (-1, 1), ("axes fraction", "data"), "offset points", color=GREY, ha="right", va="bottom"
        )
    rows[-1][0].set_xlabel("forget accuracy in % (lower is better)")
    rows[-1][0].legend(handles=_keys([path for paths in plain for path in paths]), loc="lower right", **TIGHT)
    fix_layout(figure)  # labels are placed by where the points are drawn
    moved = [apart(axes, paths) for (axes,), paths in zip(rows, plain, strict=True)]
    for (axes,), panel, paths in zip(rows, here, moved, strict=True):
        _draw(axes, panel, paths, trigger_types)
    return Drawn(NAME, _caption(trigger_types, max(abs(path.aside) for paths in moved for path in paths)), figure)


def tradeoff_by_method(groups: Sequence[Group]) -> Drawn | Missing:
    """Draw a small plane for each method, where there are too many methods for a single plane."""
    here, trigger_types = _shown(groups)
    drawn = [(panel, path_of(chain, trigger_types)) for panel in here for chain in panel.chains]
    if not here or max(len(panel.chains) for panel in here) <= FEW:
        return Missing(BY_METHOD, f"one plane shows all methods: there are {FEW} or fewer for each model")
    left, right = _range([point for _, path in drawn for point in path.points])
    wide = any(path.chain.settings for _, path in drawn)
    columns = 4 if wide else 3
    figure, grid = panel_grid(-(-len(drawn) // columns), columns, Size(WIDE, 1.5, 0.5) if wide else Size(NARROW, 1.2, 0.5))
    flat = [axes for row in grid for axes in row]
    for axes, (panel, path) in zip(flat, drawn, strict=False):
        _frame(axes, "", left, right)
        axes.set_title(path.chain.title(panel.title if len(here) > 1 else ""), fontsize=7)
        for own, other in drawn:
            if own is panel and other is not path:
                axes.plot(*zip(*(other.spots[0], other.spots[-1]), strict=True), color="#D0D0D0", linewidth=0.8, zorder=0)
        draw_path(axes, path, path.chain.label)
    for axes in flat[len(drawn) :]:
        axes.remove()
    figure.supxlabel("forget accuracy in % (lower is better)", fontsize=8)
    figure.supylabel("perturbed accuracy in % (higher is better)", fontsize=8)
    figure.legend(handles=_keys([path for _, path in drawn]), loc="outside upper center", ncols=2, **TIGHT)
    return Drawn(BY_METHOD, f"{_caption(trigger_types, 0)} Grey: the other methods.", figure)


TIGHT = {"borderpad": 0, "handletextpad": 0.2, "labelspacing": 0.3, "columnspacing": 1.0, "fontsize": 8}


def _shown(groups: Sequence[Group]) -> tuple[list[Panel], list[TriggerType]]:
    """Return panels of the groups with forget and perturbed accuracy, and the trigger types that all of them were scored under."""
    shown = [group for group in groups if group.forgets and group.trigger_types]
    trigger_types = common_trigger_types(shown)
    return (panels(shown) if trigger_types else []), trigger_types


def _range(points: Sequence[PlanePoint]) -> tuple[float, float]:
    """Return the ends of the x axis, which include all points and chance; intervals may extend beyond."""
    values = [CHANCE, *(point.forget.mean for point in points)]
    low, high = min(values) - 6, max(values) + 4
    return low, min(max(high + 0.25 * (high - low), low + SPAN), 104)


def _frame(axes: Axes, title: str, left: float, right: float) -> None:
    axes.set(title=title, xlim=(left, right), ylim=(LOW, HIGH))
    axes.axvline(CHANCE, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)
    axes.axhline(CHANCE, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0)


def _draw(axes: Axes, panel: Panel, paths: Sequence[TradeoffPath], trigger_types: Sequence[TriggerType]) -> None:
    obstacles = [Obstacle(CHANCE, y, 2) for y in range(LOW, HIGH, 2)]
    labels: list[Label] = []
    if panel.base:
        labels.append(_base(axes, point_of(panel.base, trigger_types)))
        obstacles += [Obstacle(*label.spots[0], 500, label.text) for label in labels]
    for path in paths:
        name = path.chain.label if len(paths) <= FEW else path.chain.style.label
        obstacles += draw_path(axes, path, name)
        if name not in [label.text for label in labels]:  # a method's settings are shown in the second figure alone
            labels.append(_named(path, name))
    legend = axes.get_legend()
    place(axes, labels, obstacles, [text.get_window_extent() for text in (*axes.texts, *([legend] if legend else []))])


def _base(axes: Axes, base: PlanePoint) -> Label:
    """Draw the base model and return its label; beyond the x axis it is at the edge, and the label has its forget accuracy."""
    x, y = base.forget.mean, base.perturbed.mean
    left, right = axes.get_xlim()
    if x > right:
        edge = right - 0.03 * (right - left)
        axes.plot([edge], [y], marker=">", color=INK, markersize=6, zorder=4)
        return Label(f"base model (forget {x:.0f})", ((edge, y),), INK)
    axes.plot([x], [y], marker="*", color=INK, markersize=9, zorder=4)
    return Label("base model", ((x, y),), INK)


def _named(path: TradeoffPath, name: str) -> Label:
    """Return the label of a path, beside its upper or its lower end."""
    upper, lower = sorted((path.spots[0], path.spots[-1]), key=lambda spot: -spot[1])
    return Label(name, (upper, lower), path.chain.style.colour)


def _keys(paths: Sequence[TradeoffPath]) -> list:
    """Return legend entries for hollow and filled markers, with the noise at the arrows' ends."""
    ends = [path.points[-1].group for path in paths if path.points[-1].group.scale > 0]
    scales = " or ".join(dict.fromkeys(group.noise for group in sorted(ends, key=lambda group: group.scale)))
    grey = MethodStyle("", "o", GREY)
    keys = [key("without noise", linestyle="", **fill(grey, noisy=False))]
    return [*keys, key(f"with noise, {scales}", linestyle="", **fill(grey, noisy=True))] if ends else keys


def _caption(trigger_types: Sequence[TriggerType], most: float) -> str:
    names = ", ".join(f"`{one.trigger}`" for one in trigger_types)
    aside = f" Paths that would cover each other are drawn side by side, up to {most:.1f} points from their place." if most else ""
    return (
        f"Forget accuracy against perturbed accuracy (the mean over {names}), in percent: means and 95% intervals over seeds. "
        "Hollow: a method's no-noise baseline; an arrow leads through its noise scales (small) to the largest (filled). "
        f"Dotted: chance.{aside}"
    )
