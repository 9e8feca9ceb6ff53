import math

import pytest
import torch

from rna_bench.core.types import Batch, InputError
from rna_bench.unlearning.noise import (
    RNA,
    AntitheticNoise,
    GaussianNoise,
    NoisedModel,
    NoiseDraw,
    Side,
    Unit,
    beyond_first,
    gaussian,
    hidden_norm,
    hidden_rms,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


KINDS = {
    "rna": lambda scale, unit=Unit.rms: RNA(scale, unit, 3),
    "gaussian": lambda scale, unit=Unit.rms: GaussianNoise(scale, unit, [3, 1], NoisedModel.policy, Side.forget, 2),
    "antithetic": lambda scale, unit=Unit.rms: AntitheticNoise(scale, unit, 3),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_scale_zero_acts_at_no_layer(kind):
    assert kind(0.0).noised_layers == ()
    assert 3 in kind(0.1).noised_layers


def test_a_draw_acts_on_the_passes_of_its_model_and_side_alone_from_below():
    draw = NoiseDraw(KINDS["gaussian"](1.0), {3: 1.0, 1: 2.0}, 0, seeded())
    assert list(draw.edits(NoisedModel.policy, Side.forget)) == [1, 3]
    others = [(m, s) for m in NoisedModel for s in Side if (m, s) != (NoisedModel.policy, Side.forget)]
    assert all(draw.edits(*other) == {} for other in others)


def test_antithetic_draws_are_e_and_minus_e():
    noise, hidden = KINDS["antithetic"](1.0), torch.randn(2, 3, 4, generator=seeded(1))
    first, second = (noise.add(hidden, 0.5, draw, seeded()) for draw in range(noise.draws))
    assert noise.stream(0) == noise.stream(1)
    torch.testing.assert_close(first + second, 2 * hidden)
    assert torch.equal(first, RNA(1.0, Unit.rms, 3).add(hidden, 0.5, 0, seeded()))


def test_independent_draws_have_streams_of_their_own_and_the_first_is_rnas():
    noise = KINDS["gaussian"](1.0)
    assert noise.stream(0) == RNA(1.0, Unit.rms, 3).stream(0) != noise.stream(1)


@pytest.mark.parametrize(("layers", "draws", "key"), [([], 1, "layers"), ([1, 1], 1, "layers"), ([1], 0, "draws")])
def test_a_noise_without_layers_or_draws_is_refused(layers, draws, key):
    with pytest.raises(InputError, match=rf"noise\.{key}"):
        GaussianNoise(1.0, Unit.rms, layers, NoisedModel.policy, Side.forget, draws)


def test_noise_is_scale_times_a_standard_normal_for_each_element():
    hidden = torch.zeros(2, 3, 4)
    assert torch.equal(gaussian(hidden, 0.5, seeded()), 0.5 * torch.randn(2, 3, 4, generator=seeded()))


def test_noise_has_the_scale_as_standard_deviation_and_no_mean():
    # n = 200,000 draws: the mean's standard error is 2 / sqrt(n) = 0.0045, that of the deviation 2 / sqrt(2n) = 0.0032
    noise = gaussian(torch.zeros(10, 200, 100), 2.0, seeded())
    assert abs(noise.mean().item()) < 5 * 0.0045
    assert abs(noise.std().item() - 2.0) < 5 * 0.0032


def test_noise_is_drawn_in_fp32_and_added_in_the_dtype_of_the_hidden_state():
    hidden = torch.ones(2, 3, 4, dtype=torch.bfloat16)
    noisy = gaussian(hidden, 0.1, seeded())
    assert noisy.dtype == torch.bfloat16
    assert torch.equal(noisy, hidden + (0.1 * torch.randn(2, 3, 4, generator=seeded())).bfloat16())


def test_noise_does_not_change_its_input():
    hidden = torch.ones(1, 2, 3)
    gaussian(hidden, 1.0, seeded())
    assert torch.equal(hidden, torch.ones(1, 2, 3))


HIDDEN = torch.tensor([[[99.0, 99.0], [3.0, 4.0], [77.0, 77.0]], [[99.0, 99.0], [0.0, 1.0], [55.0, 55.0]]])


def batch(mask, attention=None):
    return Batch(torch.ones_like(mask), mask, mask, attention)


def test_rms_and_norm_are_those_of_the_tokens_that_are_counted():
    # (3, 4) and (0, 1). Squares 9, 16, 0, 1: rms = sqrt(26 / 4). Norms 5 and 1: mean 3.
    counted = torch.tensor([[0, 1, 0], [0, 1, 0]])
    assert hidden_rms(HIDDEN, counted) == pytest.approx(math.sqrt(6.5))
    assert hidden_norm(HIDDEN, counted) == pytest.approx(3.0)


def test_rms_is_a_mean_over_tokens_not_over_sequences():
    # rows with two and one counted tokens of squares (1, 1) and (16): sqrt(18 / 3)
    hidden = torch.tensor([[[0.0], [1.0], [1.0]], [[0.0], [4.0], [0.0]]])
    assert hidden_rms(hidden, torch.tensor([[0, 1, 1], [0, 1, 0]])) == pytest.approx(math.sqrt(6.0))


def test_tokens_beyond_the_first_are_the_same_ones_wherever_the_padding_is():
    right = batch(torch.tensor([[1, 1, 1], [1, 1, 0]]))
    left = batch(torch.ones(2, 3, dtype=torch.long), torch.tensor([[1, 1, 1], [0, 1, 1]]))
    assert beyond_first(right).tolist() == [[0, 1, 1], [0, 1, 0]]
    assert beyond_first(left).tolist() == [[0, 1, 1], [0, 0, 1]]


def test_noise_in_units_of_rms_is_multiplied_by_it_and_absolute_noise_is_not():
    for kind in KINDS.values():
        assert kind(0.5).absolute_scale(3.0) == 1.5
        assert kind(0.5, Unit.absolute).absolute_scale(3.0) == 0.5


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("scale", [-0.1, float("inf"), float("nan")])
def test_a_scale_that_is_no_standard_deviation_is_refused(scale, kind):
    with pytest.raises(InputError, match=r"noise\.scale"):
        kind(scale)


def test_an_rms_of_nothing_is_refused_for_a_scale_in_its_units():
    with pytest.raises(InputError, match=r"noise\.unit=rms"):
        RNA(0.5, Unit.rms, 0).absolute_scale(float("nan"))
