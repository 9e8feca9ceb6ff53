from math import log
from types import SimpleNamespace

import pytest
import torch

from rna_bench.core.types import Batch, InputError, TokenValues
from rna_bench.data.batches import pad
from rna_bench.unlearning.config import Steering
from rna_bench.unlearning.forward import Outputs
from rna_bench.unlearning.losses import (
    Reduction,
    dpo_loss,
    gaussian_unit_vector,
    micro_batch_weight,
    npo_loss,
    simnpo_loss,
    unit_vector,
)
from rna_bench.unlearning.methods.adaptive_rmu import AdaptiveRMU
from rna_bench.unlearning.methods.dpo import DPO, Variant
from rna_bench.unlearning.methods.ga import GA
from rna_bench.unlearning.methods.npo import NPO
from rna_bench.unlearning.methods.rmu import RMU
from rna_bench.unlearning.methods.rsv import RSV
from rna_bench.unlearning.methods.simnpo import SimNPO
from rna_bench.unlearning.retain_losses import KL, HiddenMSE, LogProbabilityMSE
from tests.builders.passes import REFUSALS, passes_of, rna_draw

# Counted by the loss: (9, 9), (3, 4), (0, 1), that is all tokens. By Adaptive RMU's norm: (3, 4) and (0, 1), less first positions.
FORGET = Outputs(
    torch.tensor([[[9.0, 9.0], [3.0, 4.0], [0.0, 1.0]], [[9.0, 9.0], [70.0, 70.0], [70.0, 70.0]]]),
    torch.tensor([[1, 1, 1], [1, 0, 0]]),
)
IDS = torch.zeros(2, 3, dtype=torch.long)
PLAIN = SimpleNamespace(forget=FORGET, forget_batch=Batch(IDS, FORGET.mask, FORGET.mask, None), width=2)


def seeded():
    return torch.Generator().manual_seed(5)


def test_target_of_rmu_is_the_coefficient_times_a_unit_vector():
    target = RMU(1, 6.5).control_vector(PLAIN, seeded())
    assert torch.equal(target, 6.5 * unit_vector(2, seeded()))
    assert target.norm().item() == pytest.approx(6.5)


def test_target_of_adaptive_rmu_is_scale_times_the_mean_norm_times_a_unit_vector():
    # ||(3, 4)|| = 5, ||(0, 1)|| = 1, mean 3; times scale 2 is 6
    target = AdaptiveRMU(1, 2.0).control_vector(PLAIN, seeded())
    torch.testing.assert_close(target, 6.0 * unit_vector(2, seeded()))


def test_where_padding_is_included_adaptive_rmu_takes_the_norm_of_all_positions():
    # norms 5 and 1, and four times sqrt(2) * 9 or 70: as the released code, which leaves out neither padding nor first tokens
    counted = torch.ones(2, 3, dtype=torch.long)
    attention = torch.tensor([[1, 1, 1], [0, 0, 1]])
    hidden = FORGET.hidden
    passes = SimpleNamespace(forget=Outputs(hidden, counted), forget_batch=Batch(IDS, counted, counted, attention), width=2)
    mean = (2 * 9 * 2**0.5 + 2 * 70 * 2**0.5 + 5 + 1) / 6
    torch.testing.assert_close(AdaptiveRMU(1, 2.0).control_vector(passes, seeded()), 2 * mean * unit_vector(2, seeded()))


def test_adaptive_rmu_is_rmu_with_the_coefficient_that_its_norm_gives():
    adaptive, plain = AdaptiveRMU(1, 2.0), RMU(1, 6.0)
    target = plain.control_vector(PLAIN, seeded())
    torch.testing.assert_close(adaptive.control_vector(PLAIN, seeded()), target)
    assert torch.equal(adaptive.forget_loss(PLAIN, target), plain.forget_loss(PLAIN, target))


@pytest.mark.parametrize("method", [RMU(1, 6.5), AdaptiveRMU(1, 3.0)])
def test_forget_loss_is_the_mean_square_distance_to_the_target_over_tokens(method):
    # to (1, 1): 64 64, 4 9, 1 0 and again 64 64: 270 over 8 numbers
    assert method.forget_loss(PLAIN, torch.tensor([1.0, 1.0])).item() == pytest.approx(270 / 8)


@pytest.mark.parametrize("method", [RMU(1, 6.5), AdaptiveRMU(1, 3.0)])
def test_forget_loss_reads_nothing_but_the_forget_pass(method):
    method.forget_loss(PLAIN, method.control_vector(PLAIN, seeded()))  # PLAIN has no other pass


def test_hidden_mse_is_the_mean_square_distance_to_the_reference_over_tokens():
    # differences 1 and 2 in two tokens of one dimension, padding left out: (1 + 4) / 2
    mask = torch.tensor([[1, 1, 0]])
    updated, frozen = torch.tensor([[[1.0], [2.0], [50.0]]]), torch.zeros(1, 3, 1)
    passes = SimpleNamespace(retain=Outputs(updated, mask), reference_retain=Outputs(frozen, mask))
    assert HiddenMSE().retain_loss(passes).item() == 2.5


def test_target_of_rsv_is_the_scale_times_a_gaussian_unit_vector():
    target = RSV(1, 10.0).control_vector(PLAIN, seeded())
    assert torch.equal(target, 10.0 * gaussian_unit_vector(2, seeded()))
    assert target.norm().item() == pytest.approx(10.0)


def test_rsv_steers_to_where_the_frozen_model_is_plus_the_target():
    # to (1, 1) + (2, 0) from (9, 9), (3, 4), (0, 1) and (9, 9): 36 64, 0 9, 9 0 and again 36 64: 218 over 8 numbers
    frozen = Outputs(torch.ones_like(FORGET.hidden), FORGET.mask)
    loss = RSV(1, 2.0).forget_loss(SimpleNamespace(forget=FORGET, reference_forget=frozen), torch.tensor([2.0, 0.0]))
    assert loss.item() == 218 / 8


def test_rsv_has_nothing_left_to_do_where_the_policy_is_at_frozen_plus_target():
    target = RSV(1, 10.0).control_vector(PLAIN, seeded())
    frozen = Outputs(FORGET.hidden - target, FORGET.mask)
    loss = RSV(1, 10.0).forget_loss(SimpleNamespace(forget=FORGET, reference_forget=frozen), target)
    assert loss.item() == pytest.approx(0, abs=1e-10)


def nll(*values):
    """Two sequences of three positions, of which the first, and in the second the last, do not count."""
    return TokenValues(torch.tensor(values).reshape(2, 3), torch.tensor([[0, 1, 1], [0, 1, 0]]))


LIKELIHOODS = SimpleNamespace(
    forget_nll=nll(0.0, 1.0, 2.0, 0.0, 4.0, 0.0),
    reference_forget_nll=nll(0.0, 0.5, 1.5, 0.0, 3.0, 0.0),
    answers_nll=lambda answers, anew: nll(0.0, 5.0, 6.0, 0.0, 7.0, 0.0),
    reference_answers_nll=lambda answers, anew: nll(0.0, 6.0, 6.0, 0.0, 9.0, 0.0),
)
# forget, reference, preferred and its reference, reduced by hand
REDUCED = {
    Reduction.token_mean: ([7 / 3], [5 / 3], [6.0], [7.0]),
    Reduction.sequence_sum: ([3.0, 4.0], [2.0, 3.0], [11.0, 7.0], [12.0, 9.0]),
    Reduction.sequence_mean: ([1.5, 4.0], [1.0, 3.0], [5.5, 7.0], [6.0, 9.0]),
}


@pytest.mark.parametrize("reduction", Reduction)
def test_preference_methods_take_their_losses_of_reduced_likelihoods(reduction):
    f, rf, p, rp = map(torch.tensor, REDUCED[reduction])
    for method, expected in (
        (NPO(0.5, reduction), npo_loss(f, rf, 0.5)),
        (SimNPO(0.5, 0.25, reduction), simnpo_loss(f, 0.5, 0.25)),
        (GA(reduction), -f.mean()),
        (DPO(0.5, reduction, Variant.formula, REFUSALS), dpo_loss(f, rf, p, rp, 0.5)),
    ):
        assert not isinstance(method, Steering)
        torch.testing.assert_close(method.forget_loss(LIKELIHOODS, None), expected)


@pytest.mark.parametrize("reduction", Reduction)
def test_released_dpo_is_npo_and_never_reads_the_preferred_passes(reduction):
    without = SimpleNamespace(forget_nll=LIKELIHOODS.forget_nll, reference_forget_nll=LIKELIHOODS.reference_forget_nll)
    loss = DPO(0.1, reduction, Variant.released, REFUSALS).forget_loss(without, None)
    assert torch.equal(loss, NPO(0.1, reduction).forget_loss(without, None))
    with pytest.raises(AttributeError, match="answers_nll"):
        DPO(0.1, reduction, Variant.formula, REFUSALS).forget_loss(without, None)


def test_simnpo_reads_nothing_but_the_forget_likelihoods():
    SimNPO(0.1, 0.0, Reduction.token_mean).forget_loss(SimpleNamespace(forget_nll=LIKELIHOODS.forget_nll), None)


@pytest.mark.parametrize("make", [NPO, lambda b, r: DPO(b, r, Variant.formula, REFUSALS), lambda b, r: SimNPO(b, 0.0, r)])
@pytest.mark.parametrize("beta", [0.0, -0.1, float("nan")])
def test_a_beta_that_is_not_above_zero_is_refused(make, beta):
    with pytest.raises(InputError, match=f"method.beta={beta}"):
        make(beta, Reduction.token_mean)


PAIR = pad([[1, 2, 3], [4]], "cpu")
FIRST = pad([[1, 2, 3]], "cpu")


@pytest.mark.parametrize("method", [RMU(1, 6.5), AdaptiveRMU(1, 3.0), RSV(1, 10.0)])
def test_methods_on_hidden_states_weigh_micro_batches_by_tokens(method):
    assert micro_batch_weight(method.mean_over, FIRST, PAIR) == 0.75


@pytest.mark.parametrize(
    "make", [lambda r: NPO(0.1, r), lambda r: SimNPO(0.1, 0.0, r), lambda r: DPO(0.1, r, Variant.formula, REFUSALS)]
)
def test_preference_methods_weigh_micro_batches_by_sequences(make):
    for reduction in (Reduction.sequence_sum, Reduction.sequence_mean):
        assert micro_batch_weight(make(reduction).mean_over, FIRST, PAIR) == 0.5
    with pytest.raises(InputError, match=r"method\.reduction=token_mean"):
        micro_batch_weight(make(Reduction.token_mean).mean_over, FIRST, PAIR)


@pytest.mark.parametrize(("loss", "expected"), [(KL(), log(4 / 3) / 2), (LogProbabilityMSE(), (log(2) ** 2 + log(2 / 3) ** 2) / 2)])
def test_retain_losses_on_logits_are_means_over_tokens_of_reference_against_policy(loss, expected):
    # the reference says (1/2, 1/2) and the policy (1/4, 3/4) at the first of three positions, and both agree at the second
    reference, policy = torch.tensor([[0.5, 0.5], [0.1, 0.9]]).log(), torch.tensor([[0.25, 0.75], [0.1, 0.9]]).log()

    def compared(divergence, everywhere):
        values = torch.cat([divergence(reference, policy), torch.tensor([70.0])])
        return TokenValues(values[None], torch.tensor([[1, 1, 0]]))

    assert loss.retain_loss(SimpleNamespace(retain_divergence=compared)).item() == pytest.approx(expected / 2, rel=1e-5)


def made(policy, forget, retain, scale=0.0):
    forget, retain = pad(forget, "cpu"), pad(retain, "cpu")
    return passes_of(policy, 1, forget, retain, rna_draw(scale, 1, seed=5))


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
