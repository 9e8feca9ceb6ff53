from types import SimpleNamespace

import pytest
import torch

from rna_bench.data.corpora import pad
from rna_bench.models.passes import Augmentation, Passes
from rna_bench.schema import Outputs
from rna_bench.unlearning.losses import unit_vector
from rna_bench.unlearning.methods.adaptive_rmu import AdaptiveRMU
from rna_bench.unlearning.methods.rmu import RMU
from rna_bench.unlearning.retain import HiddenMSE

# Counted by the loss: (9, 9), (3, 4), (0, 1), that is all tokens. By Adaptive RMU's norm: (3, 4) and (0, 1), less first positions.
FORGET = Outputs(
    torch.tensor([[[9.0, 9.0], [3.0, 4.0], [0.0, 1.0]], [[9.0, 9.0], [70.0, 70.0], [70.0, 70.0]]]),
    torch.tensor([[1, 1, 1], [1, 0, 0]]),
)
PLAIN = SimpleNamespace(forget=FORGET)


def seeded():
    return torch.Generator().manual_seed(5)


def test_target_of_rmu_is_the_coefficient_times_a_unit_vector():
    target = RMU(1, 6.5).target(PLAIN, seeded())
    assert torch.equal(target, 6.5 * unit_vector(2, seeded()))
    assert target.norm().item() == pytest.approx(6.5)


def test_target_of_adaptive_rmu_is_scale_times_the_mean_norm_times_a_unit_vector():
    # ||(3, 4)|| = 5, ||(0, 1)|| = 1, mean 3; times scale 2 is 6
    target = AdaptiveRMU(1, 2.0).target(PLAIN, seeded())
    torch.testing.assert_close(target, 6.0 * unit_vector(2, seeded()))


def test_adaptive_rmu_is_rmu_with_the_coefficient_that_its_norm_gives():
    adaptive, plain = AdaptiveRMU(1, 2.0), RMU(1, 6.0)
    target = plain.target(PLAIN, seeded())
    torch.testing.assert_close(adaptive.target(PLAIN, seeded()), target)
    assert torch.equal(adaptive.forget_loss(PLAIN, target), plain.forget_loss(PLAIN, target))


@pytest.mark.parametrize("method", [RMU(1, 6.5), AdaptiveRMU(1, 3.0)])
def test_forget_loss_is_the_mean_square_distance_to_the_target_over_tokens(method):
    # to (1, 1): 64 64, 4 9, 1 0 and again 64 64: 270 over 8 numbers
    assert method.forget_loss(PLAIN, torch.tensor([1.0, 1.0])).item() == pytest.approx(270 / 8)


@pytest.mark.parametrize("method", [RMU(1, 6.5), AdaptiveRMU(1, 3.0)])
def test_forget_loss_reads_nothing_but_the_forget_pass(method):
    method.forget_loss(PLAIN, method.target(PLAIN, seeded()))  # PLAIN has no other pass


def test_hidden_mse_is_the_mean_square_distance_to_the_reference_over_tokens():
    # differences 1 and 2 in two tokens of one dimension, padding left out: (1 + 4) / 2
    mask = torch.tensor([[1, 1, 0]])
    updated, frozen = torch.tensor([[[1.0], [2.0], [50.0]]]), torch.zeros(1, 3, 1)
    passes = SimpleNamespace(retain=Outputs(updated, mask), reference_retain=Outputs(frozen, mask))
    assert HiddenMSE().retain_loss(passes).item() == 2.5


def made(policy, forget, retain, scale=0.0):
    return Passes(policy, 1, pad(forget, "cpu"), pad(retain, "cpu"), Augmentation(scale, 1, seeded()))


def test_retain_loss_before_training_is_zero_without_noise(policy):
    assert HiddenMSE().retain_loss(made(policy, [[1, 5]], [[1, 7, 8], [1, 9]])).item() == 0.0


def test_retain_loss_before_training_is_the_mean_square_of_the_noise(policy):
    # one unpadded row of 4 tokens and 16 dimensions: the loss is mean (0.5 z)^2
    z = torch.randn(1, 4, 16, generator=seeded())
    loss = HiddenMSE().retain_loss(made(policy, [[1]], [[1, 7, 8, 9]], scale=0.5))
    assert loss.item() == pytest.approx((0.5 * z).square().mean().item(), rel=1e-5)


def test_forget_loss_of_a_padded_batch_is_the_token_weighted_mean_of_its_rows(policy):
    rows, target = [[1, 20, 30, 40, 50], [1, 21]], torch.ones(16)
    losses = [RMU(1, 1.0).forget_loss(made(policy, [row], [[1]]), target).item() for row in rows]
    together = RMU(1, 1.0).forget_loss(made(policy, rows, [[1]]), target).item()
    assert together == pytest.approx((5 * losses[0] + 2 * losses[1]) / 7, rel=1e-5)


def test_gradients_of_both_losses_reach_the_trained_tensors_and_no_other(policy):
    passes = made(policy, [[1, 20, 30]], [[1, 7, 8], [1, 9]], scale=0.5)
    (RMU(1, 1.0).forget_loss(passes, torch.ones(16)) + HiddenMSE().retain_loss(passes)).backward()
    reached = {name for name, parameter in policy.model.named_parameters() if parameter.grad is not None}
    assert reached == set(policy.trained)
