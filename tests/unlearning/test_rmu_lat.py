"""RMU with latent adversarial training, against a plain loop written from its paper and its code; its limits are RMU."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from rna_bench.core.seeds import generator
from rna_bench.core.types import InputError, Padding, Score
from rna_bench.unlearning.config import Train, UnlearningConfig
from rna_bench.unlearning.latent import adversarial_move, with_move
from rna_bench.unlearning.methods.rmu import RMU
from rna_bench.unlearning.methods.rmu_lat import RMULAT
from rna_bench.unlearning.noise import NO_NOISE, RNA, GaussianNoise, NoisedModel, NoiseDraw, Side, Unit
from rna_bench.unlearning.optimizers import AdamW
from rna_bench.unlearning.retain_losses import HiddenMSE
from rna_bench.unlearning.trainer import unlearn
from tests.builders.passes import passes_of
from tests.builders.plain_loop import PlainLoop, rmu_lat, squared_distance

STEPS, LR = 4, 0.003
TRAIN = Train(STEPS, LR, 2, 16, 16, 2.0, "", Padding.masked, 1, False)
ADVERSARY = (0, 0.5, 4, 0.05)
LAYER_0_NOISE = GaussianNoise(0.3, Unit.absolute, [0], NoisedModel.policy, Side.forget, 1)


def recipe(method, noise=None, **train):
    return UnlearningConfig(method, HiddenMSE(), noise, replace(TRAIN, **train), AdamW([0.9, 0.999], 1e-8, 0.0), {}, 0)


def train(policy, topics, recipe):
    log = unlearn(policy, topics, recipe, lambda _: (Score("t", "retain", "clean", 0.5, 0.5, 2),), lambda _: None)
    return [(one.forget, one.retain) for one in log.losses], [point.forget_loss for point in log.eval_points], dict(policy.trained)


@pytest.mark.parametrize(
    ("adversary", "scale", "micro_batches"), [(ADVERSARY, 0.0, 1), (ADVERSARY, 0.0, 2), ((1, 0.5, 4, 0.05), 0.4, 1)]
)
def test_rmu_lat_is_the_plain_loop(policy, one, adversary, scale, micro_batches):
    model, frozen = deepcopy(policy.model), deepcopy(policy.model)
    vector = torch.rand(policy.model.config.hidden_size, generator=generator("cpu", 0, "target", "bio"))
    loop = PlainLoop(
        rmu_lat(3.0 * vector / vector.norm(), 1, adversary), squared_distance(1, scale), lambda _t, _steps: (1.0, 2.0), LR
    )
    expected = loop.run(model, frozen, one, STEPS)
    noise = RNA(scale, Unit.absolute, 1) if scale else None
    found, _, _ = train(policy, one, recipe(RMULAT(1, 3.0, *adversary), noise, micro_batches=micro_batches))
    for mine, other in zip(found, expected, strict=True):
        assert mine == pytest.approx(other, rel=1e-3, abs=1e-6)
    for (name, ours), theirs in zip(policy.model.named_parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=3e-4, msg=name)


@pytest.mark.parametrize("adversary", [(0, 0.0, 4, 0.05), (0, 0.5, 0, 0.05)])
def test_without_steps_or_with_a_radius_of_0_it_is_rmu_to_the_bit(fresh, two, adversary):
    whole = r"model\.layers\.[01]\..*weight"
    none, plain = (train(fresh(whole), two, recipe(method)) for method in (RMULAT(1, 3.0, *adversary), RMU(1, 3.0)))
    some, _, _ = train(fresh(whole), two, recipe(RMULAT(1, 3.0, *ADVERSARY)))
    assert none[:2] == plain[:2]
    assert all(torch.equal(none[2][name], one) for name, one in plain[2].items())
    assert some[0][0] != plain[0][0][0]
    assert some[0][1] == plain[0][0][1]  # the retain loss has no move


@pytest.mark.parametrize("pattern", [r"model\.layers\.[01]\..*weight", r"model\.layers\.1\..*weight"])
def test_the_move_makes_forget_text_likelier_within_its_radius_and_leaves_no_gradient(fresh, one, pattern):
    policy = fresh(pattern)
    forget = one[0].forget(0)
    passes = passes_of(policy, 1, forget, one[0].retain(0), NO_NOISE)
    move = adversarial_move(passes, 0, 0.5, 8, 0.05)
    assert move.norm(dim=-1).max().item() == pytest.approx(0.5, rel=1e-5)
    assert not move[~forget.mask.bool()].any()
    assert with_move(passes, 0, move).forget_nll.values.sum() < passes.forget_nll.values.sum()
    assert torch.equal(with_move(passes, 0, move).retain.hidden, passes.retain.hidden)
    assert torch.equal(with_move(passes, 0, move).reference_forget.hidden, passes.reference_forget.hidden)
    assert all(tensor.grad is None for tensor in policy.trained.values())


def test_a_text_has_the_same_move_whatever_it_is_batched_with(policy, one, batches):
    both, alone = one[0].forget(0), batches("What is it?", size=1)(0)
    moves = [adversarial_move(passes_of(policy, 1, batch, one[0].retain(0), NO_NOISE), 0, 0.5, 4, 0.05) for batch in (both, alone)]
    torch.testing.assert_close(moves[0][:1, : alone.mask.shape[1]], moves[1], rtol=1e-3, atol=1e-4)


def test_the_move_is_found_without_noise_and_added_to_what_noise_made(policy, one):
    def noised():
        draw = NoiseDraw(LAYER_0_NOISE, {0: 0.3}, 0, torch.Generator().manual_seed(3))
        return passes_of(policy, 0, one[0].forget(0), one[0].retain(0), draw)

    plain = passes_of(policy, 0, one[0].forget(0), one[0].retain(0), NO_NOISE)
    move = adversarial_move(noised(), 0, 0.5, 4, 0.05)
    assert torch.equal(move, adversarial_move(plain, 0, 0.5, 4, 0.05))
    torch.testing.assert_close(with_move(noised(), 0, move).forget.hidden, noised().forget.hidden + move)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ((2, 0.5, 4, 0.05), r"method\.adversary_layer=2: give 0 to method\.layer=1"),
        ((0, -0.5, 4, 0.05), r"method\.adversary_radius=-0\.5"),
        ((0, 0.5, -1, 0.05), r"method\.adversary_steps=-1"),
        ((0, 0.5, 4, 0.0), r"method\.adversary_lr=0\.0"),
    ],
)
def test_an_adversary_above_the_steered_layer_or_of_negative_size_is_refused(values, problem):
    with pytest.raises(InputError, match=problem):
        RMULAT(1, 3.0, *values)
