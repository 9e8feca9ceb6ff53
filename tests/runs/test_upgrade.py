"""Records of earlier schemas, brought up to date on reading."""

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from rna_bench.core.schemas import build
from rna_bench.runs.identity import identity
from rna_bench.runs.record import RECORD, earlier, read
from rna_bench.runs.upgrade import upgraded_config

EARLIER = Path(__file__).parent / "earlier"
"""Published records of schema 1, as they were written."""
ONE_OF_EACH = [min(EARLIER.glob(f"{name}/*/{RECORD}")) for name in ("pocket", "pocket_paper", "pocket_methods")]


def old(record_path):
    return json.loads(record_path.read_bytes())


def a_trained_configuration():
    configs = (old(path)["config"] for path in sorted(EARLIER.glob(f"pocket/*/{RECORD}")))
    return next(config for config in configs if "train" in config)


@pytest.mark.parametrize("path", ONE_OF_EACH, ids=lambda path: path.parts[-3])
def test_a_record_of_schema_1_has_todays_identity_and_its_numbers_as_they_were(path):
    record, values = read(path), old(path)
    assert record.identity == identity(record.config, values["fingerprints"]) != values["identity"]
    assert [score.accuracy for score in record.scores] == [score["accuracy"] for score in values["scores"]]
    assert [loss.forget for loss in record.losses] == [loss["forget"] for loss in values["losses"]]


@pytest.mark.parametrize("path", sorted(EARLIER.glob(f"*/*/{RECORD}")), ids=lambda path: path.parent.name)
def test_every_section_of_an_old_configuration_can_still_be_built(path):
    config = read(path).config
    sections = [config["scoring"], config["trigger"], config["model"], *config["dataset"].values()]
    trained = ("method", "retain", "noise", "train", "optimizer", "corpus")
    for section in [*sections, *(config[name] for name in trained if name in config)]:
        build("section", OmegaConf.create(section))


def test_the_optimisers_settings_were_among_those_of_training():
    config = a_trained_configuration()
    made = upgraded_config(config)
    assert made["optimizer"]["betas"] == config["train"]["betas"]
    assert made["train"]["retain_max_tokens"] == config["train"]["max_tokens"]
    assert not {"betas", "eps", "weight_decay"} & set(made["train"])


@pytest.mark.parametrize(("name", "variant"), [("AdamW", "torch"), ("TransformersAdamW", "transformers")])
def test_the_optimiser_of_a_class_of_its_own_is_a_variant(name, variant):
    config = a_trained_configuration()
    section = {"_target_": f"rna_bench.unlearning.optimizers.{name}", "betas": [0.9, 0.999], "eps": 1e-6, "weight_decay": 0.0}
    assert upgraded_config(config | {"optimizer": section})["optimizer"] == {
        **section,
        "_target_": "rna_bench.unlearning.optimizers.AdamW",
        "variant": variant,
    }


def test_what_is_no_record_of_an_earlier_schema_is_none(tmp_path):
    for name, text in {"a": "", "b": "{", "c": '{"schema_version":1,"config":3}', "d": '{"schema_version":99}'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / RECORD).write_text(text)
    (tmp_path / "empty").mkdir()
    assert earlier(tmp_path) == earlier(tmp_path / "absent") == {}
