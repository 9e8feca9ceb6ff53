import pytest
import torch
from torch.nn import functional as F

from rna_bench.unlearning.losses import masked_mse, unit_vector


def test_masked_mse_by_hand():
    # tokens that count: (1, 2), (3, 4) and (5, 6) against (1, 1): squares 0 1 4 9 16 25, mean 55 / 6
    hidden = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [90.0, 90.0]]])
    mask = torch.tensor([[1, 1], [1, 0]])
    assert masked_mse(hidden, torch.tensor([1.0, 1.0]), mask).item() == pytest.approx(55 / 6)


def test_masked_mse_is_mse_over_the_tokens():
    source = torch.Generator().manual_seed(0)
    hidden, target = torch.randn(3, 5, 4, generator=source), torch.randn(3, 5, 4, generator=source)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]])
    tokens = mask.bool()
    torch.testing.assert_close(masked_mse(hidden, target, mask), F.mse_loss(hidden[tokens], target[tokens]))


def test_a_shared_target_is_the_same_as_one_spread_over_all_tokens():
    hidden, target, mask = torch.randn(2, 3, 4), torch.randn(4), torch.tensor([[1, 1, 1], [1, 0, 0]])
    assert torch.equal(masked_mse(hidden, target, mask), masked_mse(hidden, target.expand(2, 3, 4), mask))


def test_masked_mse_is_zero_where_there_is_no_difference():
    hidden = torch.randn(2, 3, 4)
    assert masked_mse(hidden, hidden.clone(), torch.ones(2, 3)).item() == 0.0


def test_padding_has_no_gradient_and_tokens_have_the_gradient_of_the_mean():
    # d/dh of mean (h - 0)^2 over 2 tokens of 1 dimension is 2h / 2 = h
    hidden = torch.tensor([[[3.0], [4.0], [5.0]]], requires_grad=True)
    masked_mse(hidden, torch.zeros(1), torch.tensor([[1, 1, 0]])).backward()
    assert hidden.grad.flatten().tolist() == [3.0, 4.0, 0.0]


def test_the_mean_is_taken_in_fp32():
    # 256 ones and 256 differences of 2^-4: in bfloat16 the sum would stop growing at 256
    hidden = torch.tensor([1.0] * 256 + [0.0625] * 256, dtype=torch.bfloat16).reshape(1, 512, 1)
    loss = masked_mse(hidden, torch.zeros(1, dtype=torch.bfloat16), torch.ones(1, 512))
    assert loss.dtype == torch.float32
    assert loss.item() == (256 + 256 / 256) / 512


def test_unit_vector_is_a_uniform_draw_scaled_to_length_one():
    naive = torch.rand(64, generator=torch.Generator().manual_seed(3))
    vector = unit_vector(64, torch.Generator().manual_seed(3))
    torch.testing.assert_close(vector, naive / naive.square().sum().sqrt())
    assert vector.norm().item() == pytest.approx(1.0)
    assert (vector >= 0).all()
