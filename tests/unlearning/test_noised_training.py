"""Each kind of noise, and each retain loss, against a naive step: whole models, noise added by hand, gradients by autograd."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from rna_bench.core.types import Padding
from rna_bench.data.batches import pad
from rna_bench.unlearning.config import Train, UnlearningConfig
from rna_bench.unlearning.losses import Reduction
from rna_bench.unlearning.methods.ga import GA
from rna_bench.unlearning.methods.npo import NPO
from rna_bench.unlearning.methods.rmu import RMU
from rna_bench.unlearning.noise import RNA, AntitheticNoise, GaussianNoise, NoisedModel, NoiseDraw, Side, Unit
from rna_bench.unlearning.optimizers import AdamW
from rna_bench.unlearning.retain_losses import KL, CrossEntropy, HiddenMSE, LogProbabilityMSE
from rna_bench.unlearning.trainer import unlearn
from tests.builders.passes import passes_of

FORGET = pad([[1, 20, 30, 40, 50, 60], [1, 21, 31]], "cpu")
RETAIN = pad([[1, 70, 71, 72], [1, 80, 81, 82, 83]], "cpu")
TRAIN = Train(3, 0.01, 2, 16, 16, 2.0, "", Padding.masked, 1, False)
ADAMW = AdamW([0.9, 0.999], 1e-8, 0.01)
NPO_ = NPO(0.1, Reduction.sequence_sum)


def seeded(seed=7):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def trained(fresh):
    """The tiny model with layers 1 and 2 trained, moved away from its reference."""
    policy = fresh(r"model\.layers\.[12]\..*weight")
    with torch.no_grad():
        for parameter in policy.trained.values():
            parameter.mul_(1.1)
    return policy


def run_by_hand(model, batch, noised):
    """Hidden states of each layer, with what `noised` (by layer) adds to it."""
    inner, hidden, states = model.model, model.model.embed_tokens(batch.input_ids), []
    rotary = inner.rotary_emb(hidden, torch.arange(hidden.shape[1])[None])
    for number, layer in enumerate(inner.layers):
        hidden = layer(hidden, attention_mask=None, position_embeddings=rotary)
        if number in noised:
            hidden = hidden + noised[number](hidden)
        states.append(hidden)
    return states


def drawn(scale, source):
    return lambda hidden: scale * torch.randn(hidden.shape, generator=source)


def gradients(loss, policy):
    policy.model.zero_grad()
    loss.backward()
    return {name: parameter.grad.clone() for name, parameter in policy.trained.items() if parameter.grad is not None}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model", NoisedModel)
@pytest.mark.parametrize("layers", [[0], [1], [2], [0, 1], [0, 2], [0, 1, 2]])
def test_noise_at_any_layers_of_either_model_is_that_of_a_pass_by_hand(trained, model, layers):
    noise = GaussianNoise(0.3, Unit.absolute, layers, model, Side.retain, 1)
    passes = passes_of(trained, 2, FORGET, RETAIN, NoiseDraw(noise, dict.fromkeys(layers, 0.3), 0, seeded()))
    frozen = deepcopy(trained.model)
    frozen.load_state_dict(dict(trained.frozen), strict=False)
    source = seeded()
    noised = {layer: drawn(0.3, source) for layer in layers}
    clean, noisy = ({}, noised) if model is NoisedModel.reference else (noised, {})
    policy = run_by_hand(trained.model, RETAIN, clean)[2]
    reference = run_by_hand(frozen, RETAIN, noisy)[2].detach()
    counted = RETAIN.mask.bool()
    expected = gradients(F.mse_loss(policy[counted], reference[counted]), trained)
    assert_same(gradients(HiddenMSE().retain_loss(passes), trained), expected)


def test_noise_on_the_policys_forget_inputs_is_in_its_forget_loss_and_nowhere_else(trained):
    noise = GaussianNoise(0.3, Unit.absolute, [0], NoisedModel.policy, Side.forget, 1)
    passes = passes_of(trained, 2, FORGET, RETAIN, NoiseDraw(noise, {0: 0.3}, 0, seeded()))
    quiet = passes_of(trained, 2, FORGET, RETAIN)
    expected = run_by_hand(trained.model, FORGET, {0: drawn(0.3, seeded())})[2]
    torch.testing.assert_close(passes.forget.hidden, expected)
    for name in ("retain", "reference_retain", "reference_forget"):
        assert torch.equal(getattr(passes, name).hidden, getattr(quiet, name).hidden)


@pytest.mark.parametrize("retain", [KL(), LogProbabilityMSE()])
def test_noise_below_travels_to_the_logits_that_are_compared(trained, retain):
    noise = GaussianNoise(0.3, Unit.absolute, [0, 1], NoisedModel.reference, Side.retain, 1)
    passes = passes_of(trained, None, FORGET, RETAIN, NoiseDraw(noise, {0: 0.3, 1: 0.3}, 0, seeded()))
    frozen = deepcopy(trained.model)
    frozen.load_state_dict(dict(trained.frozen), strict=False)
    source = seeded()
    state = run_by_hand(frozen, RETAIN, {0: drawn(0.3, source), 1: drawn(0.3, source)})[2]
    reference = frozen.lm_head(frozen.model.norm(state)).log_softmax(-1).detach()
    policy = trained.model(input_ids=RETAIN.input_ids).logits.log_softmax(-1)
    counted = RETAIN.label_mask[:, 1:].bool()
    p, q = reference[:, :-1][counted], policy[:, :-1][counted]
    loss = (p.exp() * (p - q)).sum(-1).mean() if isinstance(retain, KL) else (p - q).square().mean(-1).mean()
    assert_same(gradients(retain.retain_loss(passes), trained), gradients(loss, trained))


def test_cross_entropy_is_that_of_the_model_itself_over_the_labels(trained):
    passes = passes_of(trained, None, FORGET, RETAIN)
    labels = RETAIN.input_ids.masked_fill(RETAIN.label_mask == 0, -100)
    loss = trained.model(input_ids=RETAIN.input_ids, labels=labels).loss
    assert_same(gradients(CrossEntropy().retain_loss(passes), trained), gradients(loss, trained))


@pytest.mark.parametrize("retain", [None, CrossEntropy()], ids=["ga", "grad_diff"])
def test_gradient_ascent_and_difference_are_the_models_own_losses(trained, retain):
    def own(batch):
        return trained.model(input_ids=batch.input_ids, labels=batch.input_ids.masked_fill(batch.label_mask == 0, -100)).loss

    passes = passes_of(trained, None, FORGET, RETAIN)
    loss = GA(Reduction.token_mean).forget_loss(passes, None) + (2 * retain.retain_loss(passes) if retain else 0)
    naive = -own(FORGET) + (2 * own(RETAIN) if retain else 0)
    assert loss.item() == pytest.approx(naive.item(), rel=1e-5)
    assert_same(gradients(loss, trained), gradients(naive, trained))


def pair(policy, noise, layer=2):
    """The mean retain loss over both draws of antithetic noise."""
    at = noise.layer
    draws = [NoiseDraw(noise, {at: 0.3}, draw, seeded()) for draw in range(2)]
    passes = passes_of(policy, layer, FORGET, RETAIN).drawn(draws)
    return torch.stack([HiddenMSE().retain_loss(each) for each in passes]).mean()


def test_antithetic_noise_at_the_compared_layer_has_exactly_the_gradient_of_no_noise(trained):
    # mean over e and -e of (h - r -+ e)^2 is (h - r)^2 + e^2, and e^2 has no gradient: to rounding, as e and -e are added apart
    plain = gradients(HiddenMSE().retain_loss(passes_of(trained, 2, FORGET, RETAIN)), trained)
    assert_same(gradients(pair(trained, AntitheticNoise(0.3, Unit.absolute, 2)), trained), plain)
    z = torch.randn(*RETAIN.input_ids.shape, 16, generator=seeded())[RETAIN.mask.bool()]
    loss = HiddenMSE().retain_loss(passes_of(trained, 2, FORGET, RETAIN)).item() + (0.3 * z).square().mean().item()
    assert pair(trained, AntitheticNoise(0.3, Unit.absolute, 2)).item() == pytest.approx(loss, rel=1e-5)


def test_antithetic_noise_below_the_compared_layer_has_another_gradient(trained):
    plain = gradients(HiddenMSE().retain_loss(passes_of(trained, 2, FORGET, RETAIN)), trained)
    below = gradients(pair(trained, AntitheticNoise(0.3, Unit.absolute, 1)), trained)
    assert not all(torch.allclose(below[name], plain[name], rtol=1e-2) for name in plain)


def test_the_mean_over_draws_has_the_gradient_of_the_mean_target(trained):
    noise = GaussianNoise(0.3, Unit.absolute, [1], NoisedModel.reference, Side.retain, 3)
    draws = [NoiseDraw(noise, {1: 0.3}, draw, seeded(draw)) for draw in range(3)]
    passes = passes_of(trained, 2, FORGET, RETAIN).drawn(draws)
    mean = gradients(torch.stack([HiddenMSE().retain_loss(each) for each in passes]).mean(), trained)
    target = torch.stack([each.reference_retain.hidden for each in passes]).mean(dim=0)
    counted = RETAIN.mask.bool()
    hidden = passes_of(trained, 2, FORGET, RETAIN).retain.hidden
    assert_same(mean, gradients(F.mse_loss(hidden[counted], target[counted]), trained))


def test_draws_share_what_the_noise_does_not_reach(trained):
    runs = [0, 0]
    trained.layers[2].mlp.register_forward_hook(lambda *_: runs.__setitem__(0, runs[0] + 1))
    trained.layers[0].mlp.register_forward_hook(lambda *_: runs.__setitem__(1, runs[1] + 1))
    pair(trained, AntitheticNoise(0.3, Unit.absolute, 1))
    assert runs == [3, 1]  # the policy once, the reference twice; the layer below all of that once


def trained_by(policy, topics, **fields):
    recipe = UnlearningConfig(RMU(1, 3.0), HiddenMSE(), None, TRAIN, ADAMW, {}, 0)
    log = unlearn(policy, topics, replace(recipe, **fields), lambda _: (), lambda _: None)
    return log, {name: parameter.detach().clone() for name, parameter in policy.trained.items()}


def test_training_with_antithetic_noise_at_the_compared_layer_is_plain_training(fresh, two):
    plain, weights = trained_by(fresh(), two)
    noisy, others = trained_by(fresh(), two, noise=AntitheticNoise(0.5, Unit.rms, 1))
    for name in weights:
        torch.testing.assert_close(others[name], weights[name], rtol=1e-4, atol=1e-5)
    assert [loss.forget for loss in noisy.losses] == pytest.approx([loss.forget for loss in plain.losses], rel=1e-4)
    assert all(one.retain > other.retain for one, other in zip(noisy.losses, plain.losses, strict=True))


def test_gaussian_noise_at_rnas_place_is_rna_to_the_bit(fresh, two):
    rna, weights = trained_by(fresh(), two, noise=RNA(0.5, Unit.rms, 0))
    same = GaussianNoise(0.5, Unit.rms, [0], NoisedModel.reference, Side.retain, 1)
    other, others = trained_by(fresh(), two, noise=same)
    assert rna.losses == other.losses
    assert all(torch.equal(weights[name], others[name]) for name in weights)


@pytest.mark.parametrize("retain", [None, KL(), LogProbabilityMSE(), CrossEntropy(), HiddenMSE()], ids=str)
@pytest.mark.parametrize("method", [RMU(1, 3.0), NPO_], ids=["rmu", "npo"])
def test_every_retain_loss_trains_with_every_method_that_has_what_it_reads(fresh, two, retain, method):
    if retain == HiddenMSE() and method.layer is None:
        pytest.skip("no layer to compare at")
    log, weights = trained_by(fresh(), two, method=method, retain=retain)
    assert not log.diverged
    assert [loss.retain == 0.0 for loss in log.losses] == (
        [True] * 3 if retain is None else [log.losses[0].retain == 0.0, False, False]
    )
    assert any(not torch.equal(weight, before) for weight, before in zip(weights.values(), fresh().frozen.values(), strict=True))


def test_statistics_have_a_deviation_for_each_of_several_layers(fresh, two):
    noise = GaussianNoise(0.5, Unit.rms, [0, 1], NoisedModel.reference, Side.retain, 1)
    statistics = trained_by(fresh(), two, noise=noise)[0].statistics
    assert set(statistics) == {"hidden_rms", "noise_absolute/0", "noise_rms/0", "noise_absolute/1", "noise_rms/1"}
    assert statistics["noise_absolute/1"] == pytest.approx(0.5 * statistics["hidden_rms"])
