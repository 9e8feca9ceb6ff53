"""Which figures are drawn from which records, and what is in them."""

from dataclasses import replace

import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Text

from rna_bench.core.types import CLEAN, EvalPoint, Score, StepLoss
from rna_bench.reporting.figures.chains import CHANCE, Drawn, Missing, panels
from rna_bench.reporting.figures.curves import by_noise_layer, by_noise_scale, by_stray_share, coefficients
from rna_bench.reporting.figures.files import draw
from rna_bench.reporting.figures.heat import layer_scale
from rna_bench.reporting.figures.style import GREY, METHOD_STYLES, drawing_settings, style_of
from rna_bench.reporting.figures.tradeoff import tradeoff, tradeoff_by_method
from rna_bench.reporting.statistics.frame import grouped
from tests.builders.records import DEEP, make_record, scored

T2 = 12.706205  # t(0.975, 1)


def path(forget, perturbed, scale, seed=1, method="rmu", change=(), **more):
    own = {"method": DEEP | {"_target_": method}} | dict(change)
    return make_record(seed, scale, scored(forget, option=perturbed), method=method, change=own, **more)


def drawn(each, runs):
    with drawing_settings():
        return each(grouped(runs))


def markers(axes, size):
    """Return (x, y, shape, colour, filled) of markers of a size."""
    lines = [line for line in axes.lines if line.get_marker() not in ("", "None") and line.get_markersize() == size]
    return [
        (*line.get_xydata()[0], line.get_marker(), to_hex(line.get_markeredgecolor()), line.get_markerfacecolor() != "white")
        for line in lines
    ]


BOTH = [path(0.3, 0.5, 0.0), path(0.4, 0.7, 1.0), make_record(1, scores=scored(0.9, 0.95, option=0.93), method="none")]


def test_an_arrow_leads_from_a_baseline_to_its_run_with_noise():
    axes = drawn(tradeoff, BOTH).figure.axes[0]
    (arrow,) = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    assert arrow._posA_posB == [pytest.approx((30, 50)), pytest.approx((40, 70))]


def test_methods_without_noise_are_hollow_and_with_it_filled():
    axes = drawn(tradeoff, BOTH).figure.axes[0]
    assert markers(axes, 6.0)[1:] == [
        (pytest.approx(30), pytest.approx(50), "o", "#0072b2", False),
        (pytest.approx(40), pytest.approx(70), "o", "#0072b2", True),
    ]


def test_scales_between_are_small_and_on_the_arrows_way():
    axes = drawn(tradeoff, [*BOTH, path(0.35, 0.6, 0.5)]).figure.axes[0]
    assert markers(axes, 2.5) == [(pytest.approx(35), pytest.approx(60), "o", "#0072b2", True)]
    (arrow,) = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    assert arrow._posA_posB == [pytest.approx((35, 60)), pytest.approx((40, 70))]


def test_interval_bars_are_as_long_as_the_intervals():
    # seeds at 50 and 51 %: mean 50.5, half .5 * 12.706205 = 6.35
    axes = drawn(tradeoff, [path(0.3, 0.5, 0.0), path(0.3, 0.51, 0.0, seed=2)]).figure.axes[0]
    ends = [segment for bars in axes.collections for segment in bars.get_segments()]
    bar = [pytest.approx((30, 50.5 + side * 0.5 * T2), abs=1e-3) for side in (-1, 1)]
    assert bar in [[*map(tuple, one)] for one in ends]


def test_chance_and_the_base_model_are_marked():
    axes = drawn(tradeoff, [*BOTH[:2], make_record(1, scores=scored(0.45, 0.95, option=0.93), method="none")]).figure.axes[0]
    dotted = [line for line in axes.lines if line.get_color() == GREY]
    assert [*dotted[0].get_xdata(), *dotted[1].get_ydata()] == [CHANCE] * 4 == [25] * 4
    assert "base model" in [text.get_text() for text in axes.texts]
    (star,) = [line for line in axes.lines if line.get_marker() == "*"]
    assert star.get_xydata()[0] == pytest.approx((45, 93))


def test_a_base_model_beyond_the_axis_stands_at_its_edge_with_its_place_in_words():
    low = [path(0.25, 0.5, 0.0), path(0.26, 0.7, 1.0), BOTH[2]]
    axes = drawn(tradeoff, low).figure.axes[0]
    assert axes.get_xlim()[1] < 90
    assert "base model (forget 90)" in [text.get_text() for text in axes.texts]


def test_two_methods_in_one_place_are_drawn_beside_each_other_and_the_caption_says_how_far():
    runs = [path(0.3, 0.5, 0.0, method=method) for method in ("rmu", "rsv")]
    figure = drawn(tradeoff, runs)
    first, second = (x for x, *_ in markers(figure.figure.axes[0], 6.0))
    assert abs(first - second) > 0.5
    assert f"up to {max(abs(first - 30), abs(second - 30)):.1f} points from their place" in figure.caption


@pytest.mark.parametrize("count", [2, 9])
def test_no_label_covers_a_label_or_leaves_the_axes(count):
    methods = list(METHOD_STYLES)[:count]
    places = [(0.25 + 0.01 * (place % 3), 0.5 + 0.1 * (place % 2)) for place in range(count)]
    runs = [path(x, y + scale / 20, scale, method=m) for m, (x, y) in zip(methods, places, strict=True) for scale in (0.0, 1.0)]
    figure = drawn(tradeoff, runs).figure
    figure.draw_without_rendering()
    axes = figure.axes[0]
    names = {METHOD_STYLES[method].label for method in methods}
    boxes = [Text.get_window_extent(text) for text in axes.texts if text.get_text() in names]
    assert len(boxes) == count
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])
        assert axes.bbox.x0 <= box.x0
        assert box.x1 <= axes.bbox.x1


def test_the_papers_methods_differ_in_shape_and_others_take_a_style_of_their_own():
    assert len({style.marker for style in METHOD_STYLES.values()}) == len(METHOD_STYLES)
    styles = [style_of(method, ["rmu", "mine", "ours"]) for method in ("rmu", "mine", "ours")]
    assert len(set(styles)) == 3
    assert [style.label for style in styles] == ["RMU", "mine", "ours"]


def test_no_colour_is_lost_on_white_paper_in_grey():
    weights = (0.299, 0.587, 0.114)  # of red, green and blue in grey (ITU-R BT.601)
    assert max(sum(w * c for w, c in zip(weights, to_rgb(style.colour), strict=True)) for style in METHOD_STYLES.values()) < 0.75


def test_each_method_has_a_panel_of_its_own_when_there_are_many():
    many = [path(0.3, 0.5, scale, method=method) for method in list(METHOD_STYLES)[:5] for scale in (0.0, 1.0)]
    figure = drawn(tradeoff_by_method, many)
    assert [axes.get_title(loc="left") for axes in figure.figure.axes] == sorted(
        style.label for style in list(METHOD_STYLES.values())[:5]
    )
    assert isinstance(drawn(tradeoff_by_method, BOTH), Missing)


def test_models_have_a_panel_each():
    runs = [*BOTH, path(0.3, 0.5, 0.0, model="other")]
    assert [panel.title for panel in panels(grouped(runs))] == ["other", "tiny"]
    assert [axes.get_title(loc="left") for axes in drawn(tradeoff, runs).figure.axes] == ["other", "tiny"]


def test_the_noise_curve_has_every_scale_and_the_baseline_at_0():
    axes = drawn(by_noise_scale, [path(0.3, 0.5 + scale / 10, scale) for scale in (0.0, 0.5, 2.0)]).figure.axes
    assert [one.get_title(loc="left") for one in axes] == ["forget ↓", "clean retain ↑", "option trigger ↑"]
    curve = next(line for line in axes[2].lines if len(line.get_xdata()) == 3)
    assert [*map(tuple, curve.get_xydata())] == [pytest.approx(p) for p in ((0, 50), (0.5, 55), (2, 70))]


def test_two_scales_make_no_curve():
    assert drawn(by_noise_scale, BOTH) == Missing("noise_scale", "no method was run at 3 or more scales of noise, all else equal")


def layered(layers=(0, 1, 2), scales=(0.5, 1.0)):
    noisy = [path(0.3, 0.5 + layer / 10, s, change={"noise": {"layer": layer}}) for layer in layers for s in scales]
    return [path(0.3, 0.4, 0.0), *noisy]


def test_layers_make_a_curve_for_each_scale():
    axes = drawn(by_noise_layer, layered()).figure.axes[2]
    curves = [line for line in axes.lines if len(line.get_xdata()) == 3 and line.get_linewidth() > 1]
    assert [[*map(tuple, curve.get_xydata())] for curve in curves] == [[(0, 50), (1, 60), (2, pytest.approx(70))]] * 2


def test_the_heat_map_has_layers_by_scales_and_names_what_was_not_run():
    figure = drawn(layer_scale, layered()[:-1]).figure
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert shown == ["50", "50", "60", "60", "70", "not run"]
    assert figure.axes[0].get_title(loc="left").endswith("perturbed ↑; without noise: 40")
    assert isinstance(drawn(layer_scale, layered(layers=(0,))), Missing)


def test_a_steering_coefficient_that_varies_makes_a_curve():
    runs = [path(0.3, 0.5, 0.0, change={"method": DEEP | {"steering_coefficient": c}}) for c in (2.0, 4.0, 8.0)]
    (figure,) = drawn(coefficients, runs)
    assert figure.name == "method_steering_coefficient"
    assert [line.get_xdata()[0] for line in figure.figure.axes[0].lines if line.get_markersize() == 4.5] == [2, 4, 8]


def test_a_share_of_stray_mentions_that_varies_makes_a_curve_of_the_drop_beyond_control():
    runs = [
        replace(
            make_record(1, 0.0, scored(option=0.9 - share, option_control=0.9), change={"corpus": {"stray_share": share}}),
            identity=f"{share}",  # other texts, and so another fingerprint
        )
        for share in (0.0, 0.3, 0.6)
    ]
    (axes,) = drawn(by_stray_share, runs).figure.axes
    points = [tuple(line.get_xydata()[0]) for line in axes.lines if line.get_markersize() == 4.5]
    assert points == [pytest.approx(point) for point in ((0, 0), (0.3, 30), (0.6, 60))]


def full_record(seed, scale, norms):
    """Return a record with losses of two topics, hidden norms by eval step, and scores by subject."""
    losses = tuple(StepLoss(step, f"topic {step % 2}", 10.0 - step, 1.0 + scale) for step in range(20))
    points = tuple(EvalPoint(step, 2.0, scored(), {"bio": norm, "retain/bio": norm + 1}) for step, norm in enumerate(norms))
    perturbations = {CLEAN: 0.9, "option": 0.5 + scale / 10, "option_control": 0.8}
    parts = tuple(
        Score("mmlu", "retain", perturbation, a, None, 50, subject)
        for subject in ("law", "art_x")
        for perturbation, a in perturbations.items()
    )
    return replace(path(0.3, 0.5, scale, seed), losses=losses, eval_points=points, breakdown=parts)


def test_what_the_records_hold_decides_what_is_drawn():
    full = [full_record(seed, scale, (3.0, 5.0)) for seed in (1, 2) for scale in (0.0, 1.0)]
    figures = draw(grouped(full))
    names = [one.name for one in figures if isinstance(one, Drawn)]
    assert names == ["tradeoff", "trigger_types", "subjects", "losses", "hidden_norms"]
    reasons = {one.name: one.reason for one in figures if isinstance(one, Missing)}
    assert set(reasons) == {"tradeoff_by_method", "noise_scale", "noise_layer", "layer_scale", "forget_text", "method_settings"}
    assert all(reasons.values())


def test_without_norms_subjects_and_triggers_each_figure_says_why_it_is_missing():
    bare = [make_record(1, scale, scored(perturbations=())) for scale in (0.0, 1.0)]
    reasons = {one.name: one.reason for one in draw(grouped(bare)) if isinstance(one, Missing)}
    assert reasons["hidden_norms"] == "no record has hidden norms"
    assert reasons["subjects"].startswith("no unlearned run has scores by subject")
    assert "tradeoff" in reasons
    assert "trigger_types" in reasons


def test_losses_are_means_over_five_steps_of_a_topic_and_over_seeds():
    # topic 0 has steps 0, 2, .. 18 with 10 - step: the first five are 10, 8, 6, 4, 2 at mean step 4: mean 6
    figure = next(one for one in draw(grouped([full_record(1, 0.0, ()), full_record(2, 0.0, ())])) if one.name == "losses").figure
    line = figure.axes[0].lines[0]
    assert [*map(tuple, line.get_xydata())] == [pytest.approx((4, 6)), pytest.approx((14, -4))]


def test_subjects_stand_beside_their_clean_accuracy():
    figure = next(one for one in draw(grouped([full_record(1, 0.0, ()), full_record(1, 1.0, ())])) if one.name == "subjects").figure
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["law", "art x"]
    ticks = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "|"]
    assert ticks == [pytest.approx(90)] * 2


def test_settings_are_said_in_words_and_in_the_order_of_their_numbers():
    coefficients = (16.0, 2.0, 4.5)
    runs = [path(0.3, 0.5, 0.0, change={"method": DEEP | {"steering_coefficient": one}}) for one in coefficients]
    (panel,) = panels(grouped(runs))
    assert [chain.label for chain in panel.chains] == [f"RMU, steering coefficient {one}" for one in ("2", "4.5", "16")]
    assert panel.chains[0].title("tiny") == "tiny\nRMU\nsteering coefficient 2"


def test_curves_of_one_method_look_different():
    figure = drawn(by_noise_layer, layered()).figure
    keys = figure.legends[0].legend_handles
    assert [key.get_label() for key in keys] == ["RMU, noise 0.5 rms", "RMU, noise 1 rms"]
    assert len({(key.get_marker(), key.get_color()) for key in keys}) == 2


def test_a_plain_run_that_several_layers_share_is_drawn_in_one_place():
    axes = drawn(tradeoff, layered(scales=(1.0,))).figure.axes[0]
    hollow = [(x, y) for x, y, _, _, filled in markers(axes, 6.0) if not filled]
    assert hollow == [pytest.approx((30, 40))] * 3


def test_a_dollar_in_a_name_is_no_formula():
    assert drawn(tradeoff, [path(0.3, 0.5, 0.0, model="cash$model$x_{")]).figure.axes[0].get_title(loc="left") == "cash$model$x_{"
    assert isinstance(draw(grouped([path(0.3, 0.5, 0.0, model="cash$model$x_{")]))[0], Drawn)
