"""The rule of presets, and that each preset of pocket is what the rule chooses from the published records."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from rna_bench.core.types import InputError
from rna_bench.reporting.statistics.choice import tried
from rna_bench.reporting.statistics.frame import grouped
from rna_bench.reporting.tables.choices import choices_text
from rna_bench.runs import record
from rna_bench.runs.collection import collect
from tests.builders.records import make_record, scored

ROOT = Path(__file__).parents[3]
SEARCHED = ROOT / "results" / "published" / "presets"


def settings(weight, lr, forget, clean=1.0, **more):
    return make_record(0, scores=scored(forget, clean), change={"train": {"retain_weight": weight, "lr": lr}}, **more)


def chosen(*records):
    (one,) = [one for one in tried(grouped(records)) if one.chosen]
    return one.group.flat["train.retain_weight"], one.group.flat["train.lr"]


def test_the_largest_gap_is_chosen():
    assert chosen(settings(1, 0.1, 0.5), settings(2, 0.1, 0.25, clean=0.9), settings(3, 0.1, 0.25, clean=0.5)) == (2, 0.1)


def test_of_equal_gaps_the_larger_weight_and_then_the_larger_learning_rate_is_chosen():
    assert chosen(settings(1, 0.1, 0.25), settings(5, 0.1, 0.25), settings(5, 0.01, 0.25)) == (5, 0.1)
    assert chosen(settings(1, 0.1, 0.4, clean=0.9), settings(5, 0.2, 0.3, clean=0.8)) == (5, 0.2)  # equal but for rounding


def test_less_than_chance_is_no_better_than_chance():
    assert chosen(settings(1, 0.1, 0.1), settings(5, 0.1, 0.25)) == (5, 0.1)


def test_perturbed_accuracy_plays_no_part():
    worse = scored(0.25, 1.0, option=0.1, option_control=0.9)
    broken = make_record(0, scores=worse, change={"train": {"retain_weight": 9}})
    assert chosen(broken, settings(1, 0.1, 0.25)) == (9, 0.1)


def test_runs_with_noise_and_the_base_model_are_not_among_those_tried():
    noisy = make_record(0, 1.0, scores=scored(0.0, 1.0))
    assert chosen(noisy, make_record(0, method="none"), settings(1, 0.1, 0.4)) == (1, 0.1)
    with pytest.raises(InputError, match="hold no unlearned run"):
        tried(grouped([noisy]))


def test_the_table_marks_one_setting_of_each_method(tmp_path):
    for one in (settings(1, 0.1, 0.5), settings(2, 0.1, 0.25), make_record(0, method="npo_kl")):
        record.write(tmp_path / one.identity, one, [])
    rows = [line for line in choices_text(tmp_path).splitlines() if line.startswith(("npo_kl ", "rmu "))]
    assert [row.endswith(" yes") for row in rows] == [True, True, False]


@pytest.mark.parametrize(
    "one", [one for one in tried(grouped(collect(SEARCHED).records)) if one.chosen], ids=lambda one: one.group.method
)
def test_each_preset_of_pocket_is_what_the_rule_chooses_from_the_published_records(one):
    folder = ROOT / "conf" / "preset"
    preset = OmegaConf.load(folder / f"pocket_{one.group.method}.yaml")
    shared = [OmegaConf.load(folder / f"{name}.yaml") for name in preset.get("defaults", []) if name != "_self_"]
    values = OmegaConf.merge(*shared, preset)
    for key in one.group.varied:
        if key in one.group.flat and (key != "train.retain_weight" or one.group.method != "ga"):  # ga has no retain loss
            assert OmegaConf.select(values, key) == one.group.flat[key], key
    assert values.train.steps == one.group.flat["train.steps"]
