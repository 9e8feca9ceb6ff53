"""Labels of methods and of noise, and groups of runs with other kinds of noise than RNA."""

from dataclasses import replace

import pytest

from rna_bench.reporting.figures.chains import panels
from rna_bench.reporting.statistics.data_settings import flattened
from rna_bench.reporting.statistics.frame import grouped, noise_scale, noise_unit
from rna_bench.reporting.tables.write import build_tables
from rna_bench.runs.labels import method_of_run, noise_of_run
from tests.builders.records import make_record, scored

ANTITHETIC = {"_target_": "rna_bench.unlearning.noise.AntitheticNoise"}


@pytest.mark.parametrize(
    ("method", "retain", "label"),
    [
        ("npo", "kl", "npo_kl"),
        ("rmu", "hidden_mse", "rmu"),
        ("rmu", "kl", "rmu_kl"),
        ("adaptive_rmu", "none", "adaptive_rmu_none"),
        ("npo_kl", None, "npo_kl"),
        ("npo_kl", "kl", "npo_kl"),
        ("rmu", None, "rmu"),
        ("none", "kl", "none"),
    ],
)
def test_a_methods_label_has_its_retain_loss_unless_that_is_implied(method, retain, label):
    run = make_record(1, method=method, retain=retain)
    assert method_of_run(run.config, run.choices) == label


def test_a_record_with_the_retain_loss_as_a_choice_is_in_the_group_of_earlier_ones():
    (group,) = grouped([make_record(1, method="npo_kl"), make_record(2, method="npo", retain="kl")])
    assert (group.method, list(group.runs)) == ("npo_kl", [1, 2])


GAUSSIAN = {
    "_target_": "rna_bench.unlearning.noise.GaussianNoise",
    "model": "policy",
    "side": "forget",
    "layers": [1, 2],
    "draws": 1,
}


@pytest.mark.parametrize(
    ("section", "label", "unit", "scale"),
    [
        (None, "-", "", -1),
        ({"_target_": None, "scale": 0.0}, "0", "", 0),
        ({"_target_": "rna_bench.unlearning.noise.RNA", "scale": 1, "unit": "rms", "layer": 1}, "1 rms", "rms", 1),
        (ANTITHETIC | {"scale": 0.5, "unit": "absolute", "layer": 1}, "antithetic 0.5 absolute", "antithetic absolute", 0.5),
        (
            GAUSSIAN | {"scale": 2.0, "unit": "rms"},
            "policy, forget inputs, layers 1, 2: 2 rms",
            "policy, forget inputs, layers 1, 2: rms",
            2,
        ),
        ({"_target_": "my_package.Dropout", "rate": 0.1}, "Dropout", "Dropout", 1),
        ({"_target_": "my_package.Dropout", "scale": 0.1, "layer": 1}, "Dropout 0.1", "Dropout", 0.1),
    ],
)
def test_a_noises_label_has_its_kind_unless_it_is_rna(section, label, unit, scale):
    run = make_record(1)
    run = replace(
        run, config={key: value for key, value in run.config.items() if key != "noise"} | ({"noise": section} if section else {})
    )
    assert (noise_of_run(run.config), noise_unit(section), noise_scale(section)) == (label, unit, scale)


def test_kinds_of_noise_have_their_own_rows_and_chains_beside_one_baseline():
    runs = [make_record(1, scale, scored(option=0.5 + scale / 10)) for scale in (0.0, 1.0, 2.0)]
    runs += [make_record(1, scale, change={"noise": ANTITHETIC | {"layer": None, "layers": [0, 1]}}) for scale in (1.0, 2.0)]
    groups = grouped(runs)
    assert {group.noise for group in groups} == {"0", "1 rms", "2 rms", "antithetic 1 rms", "antithetic 2 rms"}
    (panel,) = panels(groups)
    assert sorted([group.noise for group in chain.members] for chain in panel.chains) == [
        ["0", "1 rms", "2 rms"],
        ["0", "antithetic 1 rms", "antithetic 2 rms"],
    ]
    names = [table.name for table in build_tables(runs)]
    assert "robustness_gain" in names


def test_nested_settings_are_flattened():
    assert flattened({"a": {"b": 1, "c": {"d": [2]}}, "e": None}) == {"a.b": 1, "a.c.d": [2], "e": None}


FILES = {"forget_files": {"role": "forget", "path": "a.csv"}, "retain_files": {"role": "retain", "path": "b.csv"}}


def _of(section, options=(), **values):
    run = make_record(1, change={section: values})
    config = {**run.config, section: values}
    return replace(run, identity=str(values), config=config, choices=run.choices | dict(options))


def test_runs_with_other_datasets_are_told_apart_by_their_names_alone():
    retain = {"retain_files": FILES["retain_files"]}
    groups = grouped([_of("dataset", **FILES), _of("dataset", **retain)])
    assert sorted(group.settings for group in groups) == ["dataset=[forget_files,retain_files]", "dataset=[retain_files]"]


def test_another_option_of_a_section_is_shown_by_its_name_and_not_by_all_that_comes_with_it():
    words, pocket = (
        {"_target_": "Words", "types": ["option"], "words": ["a"] * 20},
        {"_target_": "PocketWords", "types": ["before"]},
    )
    runs = [_of("trigger", {"trigger": "sars_cov_2"}, **words), _of("trigger", {"trigger": "pocket"}, **pocket)]
    assert sorted(group.settings for group in grouped(runs)) == ["trigger=pocket", "trigger=sars_cov_2"]
    more = [*runs, _of("trigger", {"trigger": "pocket"}, **pocket | {"types": ["before", "inside"]})]
    assert sorted(group.settings for group in grouped(more)) == [
        "trigger=pocket, trigger.types=[before,inside]",
        "trigger=pocket, trigger.types=[before]",
        "trigger=sars_cov_2, trigger.types=[option]",
    ]


def test_a_setting_that_one_run_alone_has_is_shown_for_it():
    groups = grouped([_of("train", lr=0.1), _of("train", lr=0.1, clip=1.0)])
    assert sorted(group.settings for group in groups) == ["", "train.clip=1.0"]


def test_runs_with_and_without_master_weights_are_told_apart_though_records_leave_out_false():
    adamw = {"_target_": "rna_bench.unlearning.optimizers.AdamW", "betas": [0.9, 0.999]}
    made = make_record(1, change={"model": {"dtype": "bfloat16"}})
    records = [
        replace(made, identity=name, config=made.config | {"optimizer": adamw | more})
        for name, more in (("a", {}), ("b", {"master_weights": True}))
    ]
    shown = sorted(group.settings for group in grouped(records))
    assert shown == ["optimizer.master_weights=False", "optimizer.master_weights=True"]
