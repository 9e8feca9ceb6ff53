from dataclasses import replace

import pytest

from rna_bench.reporting.figures.attacks import attack_figures
from rna_bench.reporting.figures.chains import Drawn
from rna_bench.reporting.figures.files import draw
from rna_bench.reporting.figures.recovered import recovered_figure
from rna_bench.reporting.figures.style import METHOD_STYLES, drawing_settings
from rna_bench.reporting.statistics.attacks import AttackKey, Recovered, RecoveredRun
from rna_bench.reporting.statistics.frame import grouped
from tests.builders.records import gold, make_record

FACTS = [("bio", str(number)) for number in range(4)]
RELEARN = AttackKey("relearn", "{}", "")


def recovered(budgets, *accuracies):
    return Recovered(budgets, {fact: tuple(float(n < 4 * one) for one in accuracies) for n, fact in enumerate(FACTS)})


def attacked(*runs):
    """Return groups and attacked runs, of pairs of a record and its attacks."""
    return grouped([run for run, _ in runs]), {run.identity: RecoveredRun(by_attack, -1.0) for run, by_attack in runs}


def drawn(*runs):
    with drawing_settings():
        return {figure.name: figure for figure in attack_figures(*attacked(*runs))}


def relearned(*accuracies):
    return {RELEARN: recovered((0, 1, 7), *accuracies)}


def colours(axes):
    return {line.get_color(): line for line in axes.lines}


def test_accuracy_is_drawn_along_the_budget_beside_base_and_chance_with_a_column_for_each_noise():
    figures = drawn(
        (make_record(1, method="none"), relearned(1, 1, 1)),
        (make_record(1), relearned(0.25, 0.5, 1)),
        (make_record(2), relearned(0.25, 0.5, 0.5)),
        (make_record(1, 1.0), relearned(0.25, 0.25, 0.5)),
    )
    assert list(figures) == ["attacks"]
    plain, noisy = figures["attacks"].figure.axes
    assert [axes.get_title("left") for axes in (plain, noisy)] == ["no noise", "1 rms"]
    rmu = METHOD_STYLES["rmu"].colour
    assert list(colours(plain)[rmu].get_xdata()) == [0, 1, 3]  # log2(1 + budget)
    assert list(colours(plain)[rmu].get_ydata()) == [25, 50, 75]
    assert list(colours(noisy)[rmu].get_ydata()) == [25, 25, 50]
    for axes in (plain, noisy):
        assert list(colours(axes)["#000000"].get_ydata()) == [100, 100, 100]
        assert axes.get_ylim() == pytest.approx((0, 102))
        assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "1", "7"]


def test_a_model_that_was_never_told_is_a_reference_in_every_column_and_no_method():
    figures = drawn((gold(1), relearned(0.25, 0.25, 0.25)), (make_record(1, 1.0), relearned(0.25, 0.5, 1)))
    (axes,) = figures["attacks"].figure.axes
    assert axes.get_title("left") == "1 rms"
    assert colours(axes)["#000000"].get_linestyle() == "--"


def test_what_is_read_layer_by_layer_is_a_figure_of_its_own_and_other_variants_are_not_in_it():
    attacks = {AttackKey("quantise", "{}", f"int{bits}"): recovered((0,), bits / 8) for bits in (4, 8)}
    attacks |= {AttackKey("probe", "{}", f"layer {layer}"): recovered((0,), (layer > 8) / 2) for layer in range(12)}
    attacks |= {AttackKey("probe", "{}", "best layer"): recovered((0,), 1)}
    figures = drawn((make_record(1), attacks | relearned(0, 0, 0)), (make_record(1, method="none"), relearned(1, 1, 1)))
    assert list(figures) == ["attacks", "attacks_layers"]
    (probe,) = figures["attacks_layers"].figure.axes
    assert [text.get_text() for text in probe.get_xticklabels()] == ["0", "2", "4", "6", "8", "10"]
    assert probe.get_xlabel() == "layer"
    line = colours(probe)[METHOD_STYLES["rmu"].colour]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([*range(12)], [0] * 9 + [50] * 3)


def test_in_short_a_panel_has_a_line_for_each_method_and_the_strongest_variant_of_its_attack():
    quantised = {AttackKey("quantise", "{}", f"int{bits}"): recovered((0,), bits / 8) for bits in (2, 4)}
    diagnostic = {AttackKey("interpolate", "{}", ""): replace(recovered((0, 1), 0, 1), diagnostic=True)}
    with drawing_settings():
        figure = recovered_figure(
            *attacked(
                (make_record(1, method="none"), relearned(1, 1, 1)),
                (make_record(1), relearned(0, 0.25, 0.75) | quantised | diagnostic),
                (make_record(1, 1.0), relearned(0, 0.25, 0.5)),
            )
        )
    assert figure
    quantise, relearn = figure.figure.axes
    assert [axes.get_title("left") for axes in (quantise, relearn)] == ["quantise", "relearn"]
    blue = METHOD_STYLES["rmu"].colour
    points = [line.get_xdata()[0] for line in relearn.lines if line.get_color() == blue]
    assert points == [75, 50]
    assert [line.get_xdata()[0] for line in quantise.lines if line.get_color() == blue] == [50]
    assert [line.get_xdata()[0] for line in relearn.lines if line.get_color() == "#000000"] == [100]
    assert [text.get_text() for text in quantise.get_yticklabels()] == ["RMU"]


def test_in_short_there_is_no_figure_of_references_alone():
    assert recovered_figure(*attacked((make_record(1, method="none"), relearned(1, 1, 1)))) is None


def test_models_have_rows_of_their_own_and_what_was_not_attacked_has_none():
    other = make_record(1, model="other", fingerprint="cc")
    figures = drawn((make_record(1), relearned(0, 0.25, 1)), (other, relearned(0, 0, 0)))
    assert [axes.get_ylabel() for axes in figures["attacks"].figure.axes] == ["relearn\nother", "relearn\ntiny"]
    assert drawn((make_record(1), {})) == {}
    groups, runs = attacked((make_record(1), relearned(0, 0.25, 1)))
    assert "attacks" not in {one.name for one in draw(groups)}
    assert [one.name for one in draw(groups, runs) if isinstance(one, Drawn) and one.name.startswith("attacks")] == ["attacks"]
