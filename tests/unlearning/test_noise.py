import math

import pytest
import torch

from rna_bench.core.types import Batch, InputError
from rna_bench.unlearning.noise import Noise, Unit, beyond_first, gaussian, hidden_norm, hidden_rms


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_scale_zero_is_no_noise_bit_for_bit_and_draws_nothing():
    hidden, source = torch.randn(2, 3, 4), seeded()
    before = source.get_state()
    assert torch.equal(gaussian(hidden, 0.0, source), hidden)
    assert torch.equal(source.get_state(), before)


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
    assert Noise(0.5, Unit.rms, 0).absolute(3.0) == 1.5
    assert Noise(0.5, Unit.absolute, 0).absolute(3.0) == 0.5


@pytest.mark.parametrize("scale", [-0.1, float("inf"), float("nan")])
def test_a_scale_that_is_no_standard_deviation_is_refused(scale):
    with pytest.raises(InputError, match=r"noise\.scale"):
        Noise(scale, Unit.rms, 0)


def test_scale_zero_is_zero_whatever_the_rms():
    assert Noise(0.0, Unit.rms, 0).absolute(float("nan")) == 0.0
