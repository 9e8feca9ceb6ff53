"""Sections of a configuration under today's names, and under earlier ones."""

import logging
from dataclasses import dataclass

import pytest
from omegaconf import OmegaConf

from rna_bench.core import renames
from rna_bench.core.renames import FIELDS, KEYS, current, renamed_overrides
from rna_bench.core.schemas import build, build_as
from rna_bench.core.types import InputError, TriggerType

WORDS = {
    "_target_": "rna_bench.data.triggers.Words",
    "count": 1,
    "forget_words": ["f"],
    "harmless_words": ["h"],
    "forget_sentences": [],
    "harmless_sentences": [],
}
POCKET = {"_target_": "rna_bench.pocket.store.PocketModel", "world": 0, "dtype": "float32", "device": "cpu"}
RECIPE = {
    "layers": 6,
    "hidden_size": 64,
    "intermediate_size": 192,
    "heads": 4,
    "steps": 2000,
    "batch_size": 64,
    "lr": 3e-3,
    "seed": 0,
}


@pytest.fixture
def warnings(caplog):
    """Return the texts of the warnings so far."""
    caplog.set_level(logging.WARNING, logger=renames.__name__)
    return lambda: [record.getMessage() for record in caplog.records]


def test_an_old_field_is_read_with_one_warning_that_names_the_new_key(warnings):
    section = build("trigger", OmegaConf.create(WORDS | {"kinds": ["before"]}))
    assert section.types == [TriggerType.before]
    assert warnings() == ["trigger.kinds is now called trigger.types"]


def test_an_old_field_wins_over_the_new_one(warnings):
    assert build("trigger", OmegaConf.create(WORDS | {"types": ["option"], "kinds": []})).types == []


def test_a_present_field_gives_no_warning(warnings):
    assert build("trigger", OmegaConf.create(WORDS | {"types": ["option"]})).types == [TriggerType.option]
    assert warnings() == []


def test_a_field_is_renamed_in_its_own_class_only(warnings):
    @dataclass(frozen=True)
    class Section:
        kinds: int

    assert build_as("section", Section, OmegaConf.create({"kinds": 3})).kinds == 3
    with pytest.raises(InputError, match=r"section\.types=3: is not a key of Section"):
        build_as("section", Section, OmegaConf.create({"types": 3}))
    assert warnings() == []


def test_the_recipe_of_a_pocket_model_may_stand_in_the_model_itself(warnings):
    old, new = OmegaConf.create(POCKET | RECIPE), OmegaConf.create(POCKET | {"pretraining": RECIPE})
    assert build("model", old) == build("model", new)
    assert len(warnings()) == len(RECIPE)
    assert "model.layers is now called model.pretraining.layers" in warnings()


def test_a_whole_configuration_is_brought_up_to_date():
    old = {"trigger": WORDS | {"kinds": ["option"]}, "model": POCKET | RECIPE, "lists": [{"kinds": 1}], "nothing": None}
    new = {
        "trigger": WORDS | {"types": ["option"]},
        "model": POCKET | {"pretraining": RECIPE},
        "lists": [{"kinds": 1}],
        "nothing": None,
    }
    assert current(old) == new
    assert current(new) == new


def test_a_class_of_ours_is_recorded_by_its_present_path_and_name_and_nobody_elses():
    moved_noise, own = {"_target_": "rna_bench.models.noise.Noise"}, {"_target_": "mine.Noise"}
    assert current(moved_noise) == {"_target_": "rna_bench.unlearning.noise.RNA"}
    old = {"_target_": "rna_bench.unlearning.optimizers.TransformersAdamW", "variant": "torch"}
    assert current(old) == {"_target_": "rna_bench.unlearning.optimizers.AdamW", "variant": "transformers"}
    others = {"a": own, "b": {"_target_": "mine.TransformersAdamW"}, "c": {"_target_": None}}
    assert current(others) == others


def test_renamed_fields_and_keys_are_renamed_once():
    for renaming in (*FIELDS.values(), KEYS):
        assert not set(renaming) & set(renaming.values())


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("model.layers=4", "model.pretraining.layers=4"),
        ("++model.lr=1e-3,2e-3", "++model.pretraining.lr=1e-3,2e-3"),
        ("~train.accumulation", "~train.micro_batches"),
        ("train.steps=3", "train.steps=3"),
        ("model=pocket", "model=pocket"),
    ],
)
def test_old_keys_of_a_command_line_are_replaced(word, expected, warnings):
    assert renamed_overrides([word]) == [expected]
    assert len(warnings()) == (word != expected)
