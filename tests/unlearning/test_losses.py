from math import log

import pytest
import torch
from torch.nn import functional as F

from rna_bench.core.types import InputError, TokenValues
from rna_bench.data.batches import micro_batches, pad
from rna_bench.unlearning.losses import (
    MeanOver,
    Reduction,
    dpo_loss,
    gaussian_unit_vector,
    kl_divergence,
    log_probability_mse,
    masked_mse,
    micro_batch_weight,
    npo_loss,
    reduced,
    simnpo_loss,
    token_mean,
    unit_vector,
)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


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


def test_gaussian_unit_vector_is_a_normal_draw_scaled_to_length_one():
    naive = torch.randn(64, generator=torch.Generator().manual_seed(3))
    vector = gaussian_unit_vector(64, torch.Generator().manual_seed(3))
    torch.testing.assert_close(vector, naive / naive.square().sum().sqrt())
    assert vector.norm().item() == pytest.approx(1.0)
    assert (vector < 0).any()


# Counted: 1 and 2 of the first sequence, 6 of the second, nothing of the third.
NLL = TokenValues(numbers(50, 1, 2, 50, 6, 50, 50, 50, 50).reshape(3, 3), torch.tensor([[0, 1, 1], [0, 1, 0], [0, 0, 0]]))


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        (Reduction.token_mean, [3.0]),  # (1 + 2 + 6) / 3
        (Reduction.sequence_sum, [3.0, 6.0, 0.0]),
        (Reduction.sequence_mean, [1.5, 6.0, 0.0]),
    ],
)
def test_each_reduction_by_hand(reduction, expected):
    assert reduced(NLL, reduction).tolist() == expected


def test_token_mean_by_hand():
    assert token_mean(NLL).item() == 3.0


# log sigmoid(log 3) = log(3 / (1 + 3)) = -log(4/3)
SIGMOID_OF_LOG_3 = -log(4 / 3)


def test_npo_by_hand():
    # 2 * (0.5 log 3 + r - r) = log 3, times -(2 / 2)
    assert npo_loss(numbers(7 + log(3) / 2), numbers(7), beta=2.0).item() == pytest.approx(-SIGMOID_OF_LOG_3, rel=1e-12)


def test_simnpo_by_hand():
    # 2 * (0.5 log 3 + 2) - 4 = log 3, times -(2 / 2)
    assert simnpo_loss(numbers(log(3) / 2 + 2), beta=2.0, gamma=4.0).item() == pytest.approx(-SIGMOID_OF_LOG_3, rel=1e-12)


def test_dpo_by_hand():
    # 2 * ((5 - 4) - (9 - 8 - 0.5 log 3)) = log 3, times -(2 / 2)
    loss = dpo_loss(numbers(8 + log(3) / 2), numbers(9), numbers(4), numbers(5), beta=2.0)
    assert loss.item() == pytest.approx(-SIGMOID_OF_LOG_3, rel=1e-12)


@pytest.mark.parametrize("beta", [0.1, 1.0, 3.0])
def test_preference_losses_are_their_ratios_of_probabilities(beta):
    # p = exp(-nll): NPO is (2 / beta) log(1 + (p / p_ref)^beta), DPO the same of a ratio of ratios
    f, rf, p, rp = (draw(5, seed=seed).abs() for seed in range(4))
    forget, preferred = (-f).exp() / (-rf).exp(), (-p).exp() / (-rp).exp()
    torch.testing.assert_close(npo_loss(f, rf, beta), (2 / beta * (1 + forget**beta).log()).mean())
    torch.testing.assert_close(dpo_loss(f, rf, p, rp, beta), (2 / beta * (1 + (forget / preferred) ** beta).log()).mean())
    torch.testing.assert_close(simnpo_loss(f, beta, 0.5), (2 / beta * (1 + (-f * beta + 0.5).exp()).log()).mean())


@pytest.mark.parametrize("beta", [0.1, 2.0])
def test_equal_policy_and_reference_give_two_log_two_over_beta(beta):
    nll, other = draw(4).abs(), draw(4, seed=1).abs()
    for loss in (npo_loss(nll, nll, beta), dpo_loss(nll, nll, other, other, beta), simnpo_loss(0 * nll, beta, 0.0)):
        assert loss.item() == pytest.approx(2 / beta * log(2), rel=1e-12)


def test_npo_for_small_beta_is_gradient_ascent_on_nll():
    nll, reference = draw(4).abs().requires_grad_(), draw(4, seed=1).abs()
    (gradient,) = torch.autograd.grad(npo_loss(nll, reference, 1e-7), nll)
    (ascent,) = torch.autograd.grad(-nll.mean(), nll)
    torch.testing.assert_close(gradient, ascent, rtol=1e-6, atol=0)


def test_npo_for_large_beta_leaves_what_is_forgotten_already():
    # beta * (policy - reference) = 40 and -40: forgotten (no gradient), and far from it (-2, over 2 sequences)
    nll = numbers(5, 1).requires_grad_()
    npo_loss(nll, numbers(1, 5), 10.0).backward()
    assert nll.grad.tolist() == pytest.approx([0, -1], abs=1e-12)


def test_simnpo_is_npo_whose_reference_is_gamma_over_beta():
    nll = draw(4).abs()
    torch.testing.assert_close(simnpo_loss(nll, 0.5, 0.7), npo_loss(nll, torch.full_like(nll, 0.7 / 0.5), 0.5))


def test_a_larger_gamma_asks_for_more():
    # beta * 1 - gamma: at gamma 40 the loss is (2 / beta) * (40 - 1) up to e^-39
    assert simnpo_loss(numbers(1), 1.0, 40.0).item() == pytest.approx(78, rel=1e-12)
    assert simnpo_loss(numbers(1), 1.0, 0.0) < simnpo_loss(numbers(1), 1.0, 0.1)


def test_dpo_in_which_the_preferred_terms_cancel_is_npo_in_value_and_gradient():
    f, rf, p = draw(4).abs().requires_grad_(), draw(4, seed=1).abs(), draw(4, seed=2).abs().requires_grad_()
    released, npo = dpo_loss(f, rf, p, p, 0.1), npo_loss(f, rf, 0.1)
    torch.testing.assert_close(released, npo)
    of_forget, of_preferred = torch.autograd.grad(released, (f, p))
    torch.testing.assert_close(of_forget, torch.autograd.grad(npo, f)[0])
    assert of_preferred.tolist() == [0.0] * 4


def test_dpo_falls_when_the_preferred_answer_gets_likelier():
    f, rf, p, rp = (draw(3, seed=seed).abs() for seed in range(4))
    assert dpo_loss(f, rf, p - 0.1, rp, 0.1) < dpo_loss(f, rf, p, rp, 0.1)


REFERENCE, POLICY = numbers(1 / 2, 1 / 2)[None].log(), numbers(1 / 4, 3 / 4)[None].log()


def test_kl_by_hand():
    # 1/2 log(2) + 1/2 log(2/3) = 1/2 log(4/3), and the other way round 1/4 log(1/2) + 3/4 log(3/2)
    assert kl_divergence(REFERENCE, POLICY).item() == pytest.approx(log(4 / 3) / 2, rel=1e-6)
    assert kl_divergence(POLICY, REFERENCE).item() == pytest.approx(log(1 / 2) / 4 + 3 / 4 * log(3 / 2), rel=1e-6)


def test_log_probability_mse_by_hand():
    # differences of logs: log 2 and log(2/3), squared, over 2
    assert log_probability_mse(REFERENCE, POLICY).item() == pytest.approx((log(2) ** 2 + log(2 / 3) ** 2) / 2, rel=1e-6)


def test_divergences_are_naive_sums_over_the_vocabulary():
    reference, policy = draw(6, 11), draw(6, 11, seed=1)
    p, q = reference.softmax(-1), policy.softmax(-1)
    torch.testing.assert_close(kl_divergence(reference, policy).double(), (p * (p / q).log()).sum(-1), rtol=1e-5, atol=0)
    naive = (p.log() - q.log()).square().sum(-1) / 11
    torch.testing.assert_close(log_probability_mse(reference, policy).double(), naive, rtol=1e-5, atol=0)


@pytest.mark.parametrize("divergence", [kl_divergence, log_probability_mse])
def test_divergences_of_equal_predictions_are_zero_and_do_not_see_a_shift_of_logits(divergence):
    reference, policy = draw(6, 11), draw(6, 11, seed=1)
    assert divergence(reference, reference).abs().max() == 0
    torch.testing.assert_close(divergence(reference + 3, policy - 2), divergence(reference, policy), rtol=1e-5, atol=1e-7)
    assert (divergence(reference, policy) > 0).all()


@pytest.mark.parametrize("divergence", [kl_divergence, log_probability_mse])
def test_divergences_of_bfloat16_logits_are_taken_in_fp32(divergence):
    reference, policy = draw(3, 50).bfloat16(), draw(3, 50, seed=1).bfloat16()
    assert divergence(reference, policy).dtype == torch.float32
    assert torch.equal(divergence(reference, policy), divergence(reference.float(), policy.float()))


BATCH = pad([[1, 2, 3, 4], [5, 6], [7, 8, 9]], "cpu")


def test_token_shares_by_hand_put_means_of_micro_batches_together():
    whole = TokenValues(draw(3, 4), BATCH.mask)
    pieces = [TokenValues(v, m) for v, m in zip(whole.values.split(1), whole.mask.split(1), strict=True)]
    shares = [(piece.mask.sum() / whole.mask.sum()).item() for piece in pieces]
    assert shares == pytest.approx([4 / 9, 2 / 9, 3 / 9])
    together = sum(share * token_mean(piece) for share, piece in zip(shares, pieces, strict=True))
    torch.testing.assert_close(together, token_mean(whole), rtol=1e-6, atol=0)


@pytest.mark.parametrize("reduction", [Reduction.sequence_sum, Reduction.sequence_mean])
def test_sequence_shares_put_losses_of_micro_batches_together(reduction):
    nll, reference = (TokenValues(draw(3, 4, seed=seed).abs(), BATCH.label_mask) for seed in (0, 1))
    whole = npo_loss(reduced(nll, reduction), reduced(reference, reduction), 0.1)
    together, start = 0.0, 0
    for part in micro_batches(BATCH, 2):  # two rows and one
        rows = slice(start, start := start + len(part.input_ids))
        own = [reduced(TokenValues(side.values[rows], side.mask[rows]), reduction) for side in (nll, reference)]
        together += micro_batch_weight(reduction.mean_over, part, BATCH) * npo_loss(*own, 0.1)
    torch.testing.assert_close(together, whole)


def test_a_token_mean_has_no_share_but_the_whole():
    assert micro_batch_weight(MeanOver.batch, BATCH, BATCH) == 1.0
    with pytest.raises(InputError, match=r"method\.reduction=token_mean: .*train\.micro_batches=1"):
        micro_batch_weight(MeanOver.batch, next(micro_batches(BATCH, 3)), BATCH)
