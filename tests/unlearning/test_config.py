import math
from dataclasses import replace

import pytest

from rna_bench.core.types import InputError, Padding
from rna_bench.unlearning.config import TopicConfig, TopicSettings, Train, UnlearningConfig, check_layer
from rna_bench.unlearning.methods.rmu import RMU
from rna_bench.unlearning.noise import Noise, Unit
from rna_bench.unlearning.optimizers import AdamW
from rna_bench.unlearning.retain_losses import HiddenMSE

TRAIN = Train(4, 0.01, 4, 16, 8, 2.0, "", Padding.masked, 1, False, ["I don't know."])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("steps", 0),
        ("lr", 0.0),
        ("lr", -1.0),
        ("lr", math.nan),
        ("lr", math.inf),
        ("batch_size", 0),
        ("max_tokens", 0),
        ("retain_max_tokens", 0),
        ("retain_weight", -1.0),
        ("retain_weight", math.nan),
        ("micro_batches", 0),
        ("micro_batches", -1),
        ("micro_batches", 3),
        ("micro_batches", 8),
    ],
)
def test_training_values_out_of_range_are_refused_by_name(key, value):
    with pytest.raises(InputError, match=f"train.{key}={value}"):
        replace(TRAIN, **{key: value})


def test_training_without_refusals_is_refused():
    with pytest.raises(InputError, match=r"train\.refusals"):
        replace(TRAIN, refusals=[])


@pytest.mark.parametrize("micro_batches", [1, 2, 4])
def test_a_divisor_of_the_batch_is_accepted(micro_batches):
    replace(TRAIN, micro_batches=micro_batches)


def test_settings_of_a_topic_go_over_those_of_all_and_none_is_the_same():
    assert TopicSettings().train(TRAIN) == TRAIN
    own = TopicSettings(retain_weight=0.0, max_tokens=5, retain_max_tokens=6).train(TRAIN)
    assert own == replace(TRAIN, retain_weight=0.0, max_tokens=5, retain_max_tokens=6)


def test_settings_of_a_topic_are_checked():
    with pytest.raises(InputError, match=r"retain_weight=-1"):
        TopicSettings(retain_weight=-1).train(TRAIN)


def test_a_topic_without_settings_has_those_of_all():
    own = TopicConfig(RMU(1, 9.0), replace(TRAIN, retain_weight=5.0))
    adamw = AdamW([0.9, 0.999], 1e-8, 0.0)
    recipe = UnlearningConfig(RMU(1, 3.0), HiddenMSE(), Noise(0.0, Unit.rms, 1), TRAIN, adamw, {"cyber": own}, 0)
    assert recipe.of("cyber") is own
    assert recipe.of("bio") == TopicConfig(RMU(1, 3.0), TRAIN)


@pytest.mark.parametrize("layer", [-1, 3, 99])
def test_a_layer_the_model_has_not_is_refused(layer):
    with pytest.raises(InputError, match=f"method.layer={layer}: the model has 3 layers; give 0 to 2"):
        check_layer("method.layer", layer, 3)


@pytest.mark.parametrize("layer", [0, 2])
def test_a_layer_the_model_has_is_accepted(layer):
    check_layer("method.layer", layer, 3)
