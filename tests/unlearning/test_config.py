import math
from dataclasses import replace

import pytest

from rna_bench.core.types import InputError, Padding
from rna_bench.unlearning.config import (
    TopicConfig,
    TopicSettings,
    Train,
    UnlearningConfig,
    check_layer,
    check_layers,
    without_effect,
)
from rna_bench.unlearning.losses import Reduction
from rna_bench.unlearning.methods.dpo import DPO, Variant
from rna_bench.unlearning.methods.rmu import RMU
from rna_bench.unlearning.methods.rsv import RSV
from rna_bench.unlearning.noise import RNA, GaussianNoise, NoisedModel, Side, Unit
from rna_bench.unlearning.optimizers import AdamW
from rna_bench.unlearning.retain_losses import KL, CrossEntropy, HiddenMSE

TRAIN = Train(4, 0.01, 4, 16, 8, 2.0, "", Padding.masked, 1, False)


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


@pytest.fixture
def adamw_recipe():
    return UnlearningConfig(RMU(1, 3.0), HiddenMSE(), None, TRAIN, AdamW([0.9, 0.999], 1e-8, 0.01), {}, 0)


@pytest.mark.parametrize("refusals", [[], ["  "]])
def test_dpo_without_refusals_is_refused(refusals):
    with pytest.raises(InputError, match=r"method\.refusals"):
        DPO(0.1, Reduction.sequence_sum, Variant.formula, refusals)


@pytest.mark.parametrize(
    ("noise", "method", "retain", "reason"),
    [
        (RNA(1.0, Unit.rms, 1), RMU(1, 3.0), HiddenMSE(), ""),
        (RNA(0.0, Unit.rms, 1), RMU(1, 3.0), HiddenMSE(), "its scale is 0"),
        (RNA(1.0, Unit.rms, 1), RMU(1, 3.0), CrossEntropy(), "CrossEntropy never reads the reference model on retain inputs"),
        (RNA(1.0, Unit.rms, 1), RMU(1, 3.0), None, "there is no retain loss"),
        (GaussianNoise(1.0, Unit.rms, [1], NoisedModel.policy, Side.retain, 1), RMU(1, 3.0), CrossEntropy(), ""),
        (GaussianNoise(1.0, Unit.rms, [1], NoisedModel.policy, Side.forget, 1), RMU(1, 3.0), None, ""),
        (GaussianNoise(1.0, Unit.rms, [1], NoisedModel.reference, Side.forget, 1), RSV(1, 3.0), None, ""),
        (
            GaussianNoise(1.0, Unit.rms, [1], NoisedModel.reference, Side.forget, 1),
            RMU(1, 3.0),
            HiddenMSE(),
            "RMU never reads the reference model on forget inputs",
        ),
    ],
)
def test_noise_that_no_loss_reads_is_nothing_and_the_reason_is_given(noise, method, retain, reason):
    assert without_effect(noise, method, retain) == reason


def test_noise_above_the_compared_layer_is_refused(adamw_recipe):
    above = replace(adamw_recipe, noise=RNA(1.0, Unit.rms, 2))
    with pytest.raises(InputError, match=r"noise\.layer=2.*give 1 or less"):
        check_layers(above, 3, [0, 1], 0)
    check_layers(replace(above, retain=KL(), noise=RNA(1.0, Unit.rms, 2)), 3, [0, 1], 0)


@pytest.mark.parametrize("layers", [[3], [0, 7]])
def test_noise_at_a_layer_that_the_model_has_not_is_refused(adamw_recipe, layers):
    noise = GaussianNoise(1.0, Unit.rms, layers, NoisedModel.reference, Side.retain, 1)
    with pytest.raises(InputError, match=rf"noise\.layer={max(layers)}"):
        check_layers(replace(adamw_recipe, noise=noise), 3, [0, 1], 0)


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
    recipe = UnlearningConfig(RMU(1, 3.0), HiddenMSE(), None, TRAIN, adamw, {"cyber": own}, 0)
    assert recipe.of("cyber") is own
    assert recipe.of("bio") == TopicConfig(RMU(1, 3.0), TRAIN)


@pytest.mark.parametrize("layer", [-1, 3, 99])
def test_a_layer_the_model_has_not_is_refused(layer):
    with pytest.raises(InputError, match=f"method.layer={layer}: the model has 3 layers; give 0 to 2"):
        check_layer("method.layer", layer, 3)


@pytest.mark.parametrize("layer", [0, 2])
def test_a_layer_the_model_has_is_accepted(layer):
    check_layer("method.layer", layer, 3)
